//! Differential fuzzing of the grammar: random lines on a real built-in monitor and on ours.
//!
//! Lines come from the rows' own args_types, with mistakes. What our parser accepts is carried out only for commands
//! that can't harm a VM; everything else must fail to parse, on both sides alike.

pub mod generate;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use monitor::engine::Monitor;
use monitor::host::Unattended;
use monitor::route::Passthrough;
use serde_json::Value;

use crate::case::Case;
use crate::compare::{self, Verdict};
use crate::qemu::Qemu;
use crate::vm::{Vm, VmError};
use generate::Generator;

/// Commands whose lines may be carried out: they only look, and look the same each time on a paused VM.
const MAY_RUN: &[&str] = &[
    "print",
    "cpu",
    "info version",
    "info status",
    "info name",
    "info uuid",
    "info kvm",
    "info block",
    "info mice",
    "info chardev",
    "info numa",
    "info memdev",
    "info iothreads",
    "info balloon",
    "info block-jobs",
    "info tpm",
    "info vm-generation-id",
    "info memory_size_summary",
    "info uuid",
    "qom-list",
];

/// A line on which the two monitors differ.
#[derive(Debug)]
pub struct Difference {
    /// The shortest line found that still shows it.
    pub line: String,
    /// The built-in's answer to it.
    pub builtin: String,
    /// Ours.
    pub ours: String,
}

/// What a run of the fuzzer found.
#[derive(Debug, Default)]
pub struct Found {
    /// Lines tried.
    pub lines: usize,
    /// Lines that were right but not for running; they count for nothing.
    pub accepted: usize,
    /// Lines by command.
    pub rows: BTreeMap<String, usize>,
    /// Lines by what the built-in said, without the parts that vary.
    pub errors: BTreeMap<String, usize>,
    /// Differences, each with its shortest line.
    pub differences: Vec<Difference>,
}

/// Most differences reported; more are of the same kind.
const MOST: usize = 50;

/// Starts a VM that is paused and tries `count` lines on it.
pub async fn on(qemu: &Qemu, seed: u64, count: usize) -> Result<Found, VmError> {
    let case: Case = toml::from_str(CASE).map_err(|e| VmError::Failed(e.to_string()))?;
    let mut vm = Vm::start(&case, qemu).await?;
    let mut monitor = Monitor::builder(Arc::new(vm.qmp.clone()))
        .host(Arc::new(Unattended))
        .passthrough(Passthrough::Never)
        .build()
        .await
        .map_err(|e| VmError::Failed(e.to_string()))?;
    let found = run(&mut vm, &mut monitor, seed, count).await;
    vm.end().await;
    found
}

const CASE: &str = r#"
about = "a VM for fuzzing"
args = ["-M", "q35", "-S", "-smp", "2", "-name", "fuzz"]
steps = []
"#;

async fn run(
    vm: &mut Vm,
    monitor: &mut Monitor,
    seed: u64,
    count: usize,
) -> Result<Found, VmError> {
    let mut found = Found::default();
    let mut generator = Generator::new(seed, monitor.rows(), monitor.caps().version);
    while found.lines < count && found.differences.len() < MOST {
        let line = generator.line();
        let plan = monitor.explain(&line);
        let command = command_of(&plan);
        if !may_run(&plan) {
            found.accepted += 1;
            continue;
        }
        let (builtin, ours, same) = both(vm, monitor, &line).await?;
        if builtin.starts_with("Command \"") {
            // A command whose module is not loaded, which no QMP command tells.
            found.accepted += 1;
            continue;
        }
        found.lines += 1;
        *found.rows.entry(command.to_owned()).or_default() += 1;
        if let Some(error) = plan.get("error").and_then(Value::as_str) {
            *found.errors.entry(kind(error)).or_default() += 1;
        }
        if !same {
            found.differences.push(
                shortest(
                    vm,
                    monitor,
                    Difference {
                        line,
                        builtin,
                        ours,
                    },
                )
                .await?,
            );
        }
    }
    Ok(found)
}

fn command_of(plan: &Value) -> &str {
    plan.get("command")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Whether a line can do no harm: it is wrong, blank, or of a command that only looks.
fn may_run(plan: &Value) -> bool {
    let command = command_of(plan);
    match plan.get("route").and_then(Value::as_str) {
        None => true,
        Some("refused") => false,
        Some(_) => command.is_empty() || MAY_RUN.contains(&command),
    }
}

async fn both(
    vm: &mut Vm,
    monitor: &mut Monitor,
    line: &str,
) -> Result<(String, String, bool), VmError> {
    let mut ours = String::new();
    monitor.run_line(line, &mut ours).await;
    // A NUL ends a line, and QMP refuses it.
    let typed = line.split('\0').next().unwrap_or(line);
    let builtin = vm.builtin_line_with(typed, None).await?;
    let plan = monitor.explain(line);
    let verdict = compare::answers(command_of(&plan), (&builtin, ""), (&ours, "")).0;
    Ok((builtin, ours, verdict != Verdict::Different))
}

/// Leaves out words, then characters, as long as the difference stays.
async fn shortest(
    vm: &mut Vm,
    monitor: &mut Monitor,
    mut difference: Difference,
) -> Result<Difference, VmError> {
    let mut at = 0;
    while at < difference.line.chars().count() && difference.line.len() < 4096 {
        let line: String = difference
            .line
            .chars()
            .enumerate()
            .filter(|(i, _)| *i != at)
            .map(|(_, c)| c)
            .collect();
        if !may_run(&monitor.explain(&line)) {
            at += 1;
            continue;
        }
        let (builtin, ours, same) = both(vm, monitor, &line).await?;
        if same {
            at += 1;
        } else {
            difference = Difference {
                line,
                builtin,
                ours,
            };
        }
    }
    Ok(difference)
}

/// An error without what varies: names, quoted text and the line that points to help.
fn kind(error: &str) -> String {
    let line = error.lines().next().unwrap_or_default();
    let line = line.split_once(": ").map_or(line, |(head, rest)| {
        if head.contains(' ') || rest.is_empty() {
            line
        } else {
            rest
        }
    });
    if line.starts_with("Try ") {
        return "Try ...".into();
    }
    let mut out = String::new();
    for (i, part) in line.split('\'').enumerate() {
        out.push_str(if i % 2 == 0 { part } else { "'...'" });
    }
    if let Some((head, _)) = out.split_once("option -") {
        return format!("{head}option -.");
    }
    out
}

impl Found {
    /// The whole for a terminal.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::new();
        for difference in &self.differences {
            // Writing to a string can't fail.
            let _ = writeln!(
                out,
                "different: {:?}\n    built-in {:?}\n    ours     {:?}",
                difference.line, difference.builtin, difference.ours
            );
        }
        for (kind, count) in &self.errors {
            let _ = writeln!(out, "{count:>8} {kind}");
        }
        let few = self.rows.iter().min_by_key(|(_, count)| **count);
        let _ = writeln!(
            out,
            "{} lines, {} right ones not run, {} commands (fewest lines: {}), {} kinds of errors, {} differences",
            self.lines,
            self.accepted,
            self.rows.len(),
            few.map_or(String::new(), |(name, count)| format!(
                "{count} for {name:?}"
            )),
            self.errors.len(),
            self.differences.len()
        );
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_apart_without_what_varies() {
        assert_eq!(
            kind("stop|s: extraneous characters at the end of line\nTry \"help s\" ..."),
            "extraneous characters at the end of line"
        );
        assert_eq!(kind("unknown command: 'foo'\n"), "unknown command: '...'");
        assert_eq!(
            kind("unknown command: 'info foo'\n"),
            "unknown command: '...'"
        );
        assert_eq!(
            kind("eject: unsupported option -x\n"),
            "unsupported option -."
        );
        assert_eq!(
            kind("invalid char 'k' in expression\n"),
            "invalid char '...' in expression"
        );
        assert_eq!(
            kind("Try \"help device_add\" for more information\n"),
            "Try ..."
        );
    }
}
