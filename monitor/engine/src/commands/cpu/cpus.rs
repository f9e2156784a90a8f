// SPDX-License-Identifier: GPL-2.0-or-later
//! CPUs: choosing one, listing them, and those that could be plugged.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::Value;

use crate::command::cx::{CmdError, CmdResult, Cx, NoArgs};
use crate::qmp::version::v;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct CpuInfoFast {
    cpu_index: i64,
    thread_id: i64,
    qom_type: Option<String>,
}

/// Arguments of `cpu`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cpu {
    index: i64,
}

/// `cpu`: chooses the CPU that later lines of this session look at.
pub async fn cpu(cx: &mut Cx<'_>, args: Cpu) -> CmdResult {
    let cpus: Vec<CpuInfoFast> = cx.query("query-cpus-fast").await?;
    if !cpus.iter().any(|cpu| cpu.cpu_index == args.index) {
        return Err(CmdError::Plain("invalid CPU index".into()));
    }
    cx.session.kept.cpu = Some(args.index);
    Ok(())
}

/// The first release whose list names the model (10.1, commit d6c73ac306 of QEMU).
const MODEL_SHOWN: crate::qmp::version::Version = v(10, 1);

/// `info cpus`.
pub async fn info_cpus(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let cpus: Vec<CpuInfoFast> = cx.query("query-cpus-fast").await?;
    let chosen = cx
        .session
        .kept
        .cpu
        .filter(|index| cpus.iter().any(|cpu| cpu.cpu_index == *index))
        .or(cpus.first().map(|cpu| cpu.cpu_index));
    for cpu in cpus {
        let mark = if Some(cpu.cpu_index) == chosen {
            '*'
        } else {
            ' '
        };
        write!(
            cx,
            "{mark} CPU #{}: thread_id={}",
            cpu.cpu_index, cpu.thread_id
        )?;
        let shown = cx.caps.version >= MODEL_SHOWN;
        if let Some(kind) = cpu.qom_type.filter(|_| shown) {
            write!(cx, " model={}", model(&kind))?;
        }
        writeln!(cx)?;
    }
    Ok(())
}

/// The model in a CPU's type name: what is before `-ARCH-cpu`.
fn model(kind: &str) -> &str {
    kind.strip_suffix("-cpu")
        .and_then(|k| k.rsplit_once('-'))
        .map_or(kind, |(model, _)| model)
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct HotpluggableCpu {
    #[serde(rename = "type")]
    kind: String,
    vcpus_count: i64,
    qom_path: Option<String>,
    #[serde(default)]
    props: serde_json::Map<String, Value>,
}

/// The properties in the order that the built-in prints them.
const CPU_PROPERTIES: &[&str] = &[
    "node-id",
    "drawer-id",
    "book-id",
    "socket-id",
    "die-id",
    "cluster-id",
    "module-id",
    "core-id",
    "thread-id",
];

/// `info hotpluggable-cpus`.
pub async fn info_hotpluggable(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let cpus: Vec<HotpluggableCpu> = cx.query("query-hotpluggable-cpus").await?;
    writeln!(cx, "Hotpluggable CPUs:")?;
    for cpu in cpus {
        writeln!(cx, "  type: \"{}\"", cpu.kind)?;
        writeln!(cx, "  vcpus_count: \"{}\"", cpu.vcpus_count)?;
        if let Some(path) = cpu.qom_path {
            writeln!(cx, "  qom_path: \"{path}\"")?;
        }
        writeln!(cx, "  CPUInstance Properties:")?;
        for name in CPU_PROPERTIES {
            if let Some(value) = cpu.props.get(*name) {
                writeln!(cx, "    {name}: \"{value}\"")?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_what_stands_before_the_architecture() {
        assert_eq!(model("qemu64-x86_64-cpu"), "qemu64");
        assert_eq!(model("cortex-a57-arm-cpu"), "cortex-a57");
        assert_eq!(model("EPYC-v4-x86_64-cpu"), "EPYC-v4");
        assert_eq!(model("odd"), "odd");
    }
}
