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
use crate::judge::compare::{self, Verdict};
use crate::live::qemu::Qemu;
use crate::live::vm::{Vm, VmError, is_typed};
use generate::Generator;

/// Commands, besides those of `info`, whose lines may be carried out: they only look.
const MAY_RUN: &[&str] = &["print", "cpu", "qom-list", "info", "help"];

/// `info` commands whose answer is not compared here: it changes while nothing happens, or takes long.
const MAY_NOT_RUN: &[&str] = &[
    "info mtree",
    "info qtree",
    "info qom-tree",
    "info qdm",
    "info history",
    "info cpus",
    "info network",
    "info usernet",
    "info trace-events",
];

/// What the built-in says to a line that it can't read (parsing rules of monitor/hmp.c), as [`kind`] writes it.
const ERRORS: &[&str] = &[
    "unknown command: '...'",
    "Command '...' not available until machine initialization has completed.",
    "extraneous characters at the end of line",
    "string expected",
    "block device name expected",
    "filename expected",
    "Try ...",
    "unexpected end of expression",
    "invalid char '...' in expression",
    "'...' expected",
    "division by zero",
    "number too large",
    "unknown register",
    "character constant expected",
    "missing terminating '...'",
    "'...' has failed: integer is for 32-bit values",
    "enter a positive value",
    "invalid char in format: '...'",
    "Expected '...' or '...'",
    "invalid size",
    "unsupported option -.",
    "value expected for -.",
];

/// Commands that a build or a module that is not loaded may lack, which QMP does not tell: the built-in then says that
/// they are not available before it reads the line.
const MAY_BE_MISSING: &[&str] = &["info usbhost"];

/// As many lines as every command should get.
const ENOUGH: usize = 50;

/// One line in so many is tried before there is a machine, where few commands are available.
const EARLY: usize = 12;

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
    /// Lines by command, whether it got any or not.
    pub rows: BTreeMap<String, usize>,
    /// Lines by what the built-in said, without the parts that vary.
    pub errors: BTreeMap<String, usize>,
    /// Differences, each with its shortest line.
    pub differences: Vec<Difference>,
}

/// Most differences reported; more are of the same kind.
const MOST: usize = 50;

/// Starts VMs that are paused and tries `count` lines on them, some before there is a machine.
pub async fn on(qemu: &Qemu, seed: u64, count: usize) -> Result<Found, VmError> {
    let mut found = Found::default();
    try_on(qemu, MACHINE, seed, count - count / EARLY, &mut found).await?;
    try_on(qemu, PRECONFIG, seed, count / EARLY, &mut found).await?;
    Ok(found)
}

const MACHINE: &str = r#"
about = "a VM for fuzzing"
args = ["-M", "q35", "-S", "-smp", "2", "-name", "fuzz"]
steps = []
"#;

const PRECONFIG: &str = r#"
about = "a VM without a machine"
args = ["-M", "q35", "-S", "--preconfig"]
steps = []
"#;

async fn try_on(
    qemu: &Qemu,
    case: &str,
    seed: u64,
    count: usize,
    found: &mut Found,
) -> Result<(), VmError> {
    let case: Case = toml::from_str(case).map_err(|e| VmError::Failed(e.to_string()))?;
    let mut vm = Vm::start(&case, qemu).await?;
    let result = run(&mut vm, seed, count, found).await;
    vm.end().await;
    result
}

async fn run(vm: &mut Vm, seed: u64, count: usize, found: &mut Found) -> Result<(), VmError> {
    let mut monitor = Monitor::builder(Arc::new(vm.qmp.clone()))
        .host(Arc::new(Unattended))
        .passthrough(Passthrough::Never)
        .build()
        .await
        .map_err(|e| VmError::Failed(e.to_string()))?;
    let mut generator = Generator::new(seed, monitor.rows(), monitor.caps().version);
    let names: Vec<String> = generator.names().collect();
    // Before there is a machine the target need not be known, and rows of others are among them.
    for name in names.iter().filter(|_| !monitor.caps().preconfig) {
        found.rows.entry(name.clone()).or_default();
    }
    // Lines that were of use and lines made, by row: the row with the fewest comes next.
    let mut shares = vec![(0, 0); names.len()];
    let mut tried = 0;
    while tried < count && found.differences.len() < MOST {
        let least = shares.iter().enumerate().min_by_key(|(_, share)| **share);
        let Some((row, _)) = least else { break };
        let line = generator.line(row);
        let share = &mut shares[row];
        share.1 += 1;
        if usize::is_multiple_of(share.1, PATIENCE) {
            share.0 += 1;
        }
        let plan = monitor.explain(&line);
        let command = match command_of(&plan) {
            "" if is_unavailable(&plan, &names[row]) => names[row].clone(),
            command => command.to_owned(),
        };
        // In preconfig there is no human-monitor-command.
        if !may_run(&plan) || monitor.caps().preconfig && !is_typed(&line) {
            found.accepted += 1;
            continue;
        }
        let answers = both(vm, &mut monitor, &line).await;
        let answers = answers.map_err(|e| VmError::Failed(format!("{line:?}: {e}")))?;
        let Some((builtin, ours, same)) = answers else {
            found.accepted += 1;
            continue;
        };
        tried += 1;
        found.lines += 1;
        if command == names[row] {
            shares[row].0 += 1;
        }
        if let Some(count) = found.rows.get_mut(&command) {
            *count += 1;
        }
        if let Some(error) = plan.get("error").and_then(Value::as_str) {
            *found.errors.entry(kind(error)).or_default() += 1;
        }
        if !same {
            let difference = Difference {
                line,
                builtin,
                ours,
            };
            let difference = shortest(vm, &mut monitor, difference).await?;
            found.differences.push(difference);
        }
    }
    Ok(())
}

/// A row whose lines are mostly right ones, which must not run, counts one after so many, so that others get their turn.
const PATIENCE: usize = 40;

fn command_of(plan: &Value) -> &str {
    plan.get("command")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Whether the answer is that this command is not available, before the line is read.
fn is_unavailable(plan: &Value, command: &str) -> bool {
    let error = plan.get("error").and_then(Value::as_str);
    error.is_some_and(|error| error.starts_with(&format!("Command '{command}' not available")))
}

/// Whether a line can do no harm: it is wrong, blank, or of a command that only looks.
fn may_run(plan: &Value) -> bool {
    let command = command_of(plan);
    let error = plan.get("error").and_then(Value::as_str);
    match plan.get("route").and_then(Value::as_str) {
        None => !error.is_some_and(|error| error.starts_with("refused: ")),
        Some("refused" | "partial") => false,
        Some(_) if plan.get("hazards").is_some() => false,
        Some(_) => {
            command.is_empty()
                || MAY_RUN.contains(&command)
                || command.starts_with("info ") && !MAY_NOT_RUN.contains(&command)
        }
    }
}

/// Both answers and whether they are alike; none where the built-in has not loaded the command's module, which no QMP
/// command tells.
async fn both(
    vm: &mut Vm,
    monitor: &mut Monitor,
    line: &str,
) -> Result<Option<(String, String, bool)>, VmError> {
    let mut ours = String::new();
    monitor.run_line(line, &mut ours).await;
    // A NUL ends a line, and QMP refuses it.
    let typed = line.split('\0').next().unwrap_or(line);
    let builtin = vm.builtin_line_with(typed, None).await?;
    let plan = monitor.explain(line);
    // The sentences of help are our own; what it does not know is said in the built-in's words.
    if command_of(&plan) == "help" && !(ours.is_empty() || ours.starts_with("unknown command")) {
        return Ok(None);
    }
    let verdict = compare::answers(command_of(&plan), (&builtin, ""), (&ours, "")).0;
    let same = verdict != Verdict::Different;
    if !same && builtin.starts_with("Command \"") {
        return Ok(None);
    }
    Ok(Some((builtin, ours, same)))
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
        match both(vm, monitor, &line).await? {
            Some((builtin, ours, false)) => {
                difference = Difference {
                    line,
                    builtin,
                    ours,
                };
            }
            _ => at += 1,
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
    for what in ["unsupported option -", "value expected for -"] {
        if out.starts_with(what) {
            return format!("{what}.");
        }
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
        for (row, count) in self.few() {
            let _ = writeln!(out, "only {count} lines: {row}");
        }
        for error in self.missed() {
            let _ = writeln!(out, "never seen: {error}");
        }
        let counted = self
            .rows
            .iter()
            .filter(|(row, _)| !MAY_BE_MISSING.contains(&row.as_str()));
        let fewest = counted.map(|(_, count)| *count).min().unwrap_or(0);
        let _ = writeln!(
            out,
            "{} lines, {} right ones not run, {} commands with {fewest} lines at least, {} of {} kinds of errors, \
             {} differences",
            self.lines,
            self.accepted,
            self.rows.len(),
            ERRORS.len() - self.missed().len(),
            ERRORS.len(),
            self.differences.len()
        );
        out
    }

    /// Commands with too few lines, and how many they got.
    pub fn few(&self) -> impl Iterator<Item = (&str, usize)> {
        let rows = self.rows.iter().map(|(row, count)| (row.as_str(), *count));
        rows.filter(|(row, count)| *count < ENOUGH && !MAY_BE_MISSING.contains(row))
    }

    /// Kinds of errors that no line met.
    #[must_use]
    pub fn missed(&self) -> Vec<&'static str> {
        let missed = ERRORS
            .iter()
            .filter(|error| !self.errors.contains_key(**error));
        missed.copied().collect()
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
