// SPDX-License-Identifier: GPL-2.0-or-later
//! `info registers`, out of the state of all devices.

use std::fmt::Write;

use serde::Deserialize;

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::command::vm_state::{current, listed, of_cpu, parted, read};
use crate::commands::cpu::{arm, ppc64, riscv, s390x, x86};
use crate::guest::arm::traits;
use crate::guest::registers::is_narrow;

/// Arguments of `info registers`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    #[serde(default)]
    cpustate_all: bool,
    vcpu: Option<i64>,
}

#[derive(Deserialize)]
struct Kvm {
    enabled: bool,
}

/// `info registers`.
pub async fn info_registers(cx: &mut Cx<'_>, args: Which) -> CmdResult {
    let cpus = listed(cx).await?;
    let shown: Vec<_> = match args {
        Which {
            cpustate_all: true, ..
        } => cpus.iter().collect(),
        // The built-in keeps the number in an int, and a negative one is none (hmp_info_registers
        // in monitor/hmp-cmds-target.c, 7.2).
        Which {
            vcpu: Some(number), ..
        } if number as i32 >= 0 => {
            let number = i64::from(number as i32);
            match cpus.iter().find(|cpu| cpu.cpu_index == number) {
                Some(cpu) => vec![cpu],
                None => {
                    writeln!(cx, "CPU#{number} not available")?;
                    return Ok(());
                }
            }
        }
        _ => match current(cx, &cpus) {
            Some(cpu) => vec![cpu],
            None => {
                writeln!(cx, "No CPU available")?;
                return Ok(());
            }
        },
    };
    if shown.is_empty() {
        return Ok(());
    }
    let kvm: Kvm = cx.query("query-kvm").await?;
    let arch = cx.caps.arch.as_deref().unwrap_or_default();
    let mut arms = Vec::new();
    if matches!(arch, "aarch64" | "arm") {
        for cpu in &shown {
            let traits = traits::read(cx.qmp(), &cpu.qom_path).await?;
            if let Some(why) = traits.unread() {
                return Err(CmdError::Unavailable(format!("info registers: {why}")));
            }
            arms.push(traits);
        }
    }
    if arch == "ppc64" {
        for cpu in &shown {
            ppc64::check(cx, cpu).await?;
        }
    }
    let mut controls = Vec::new();
    if arch == "riscv64" {
        for cpu in &shown {
            controls.push(riscv::check(cx, cpu).await?);
        }
    }
    let state = read(cx).await?;
    let parts = parted(&state, &cpus)?;
    // All of it is read before any of it is shown.
    let mut text = String::new();
    for (number, cpu) in shown.into_iter().enumerate() {
        let own = of_cpu(&parts, "cpu", cpu)?;
        writeln!(text, "\nCPU#{}", cpu.cpu_index)?;
        text += &match (arch, arms.get(number)) {
            (_, Some(traits)) => arm::text(&own, *traits, cx.caps.version, kvm.enabled)?,
            ("ppc64", _) => ppc64::text(&own, cpu.cpu_index)?,
            ("riscv64", _) => {
                // It has none of floating point either, whose line is left out otherwise.
                riscv::text(&own, controls.get(number) == Some(&true))?
            }
            ("s390x", _) => s390x::text(&own, kvm.enabled)?,
            _ => {
                let common = of_cpu(&parts, "cpu_common", cpu)?;
                x86::text(&own, &common, is_narrow(cx.caps))?
            }
        };
    }
    cx.write_str(&text)?;
    match arch {
        "ppc64" => cx.note(ppc64::LINES_NOTE),
        "riscv64" if controls.contains(&true) => cx.note(riscv::FLAGS_NOTE),
        "riscv64" => {}
        _ if kvm.enabled => {}
        "i386" | "x86_64" => cx.note(x86::STICKY_NOTE),
        "s390x" => cx.note(s390x::STATUS_NOTE),
        _ => {}
    }
    Ok(())
}
