// SPDX-License-Identifier: GPL-2.0-or-later
//! The lines that runs found blocked or answered in part: what interfaces would free.

use std::collections::HashMap;
use std::sync::Arc;

use hmp_engine::engine::Monitor;
use hmp_engine::qmp::{BoxFuture, Qmp, QmpError};
use serde_json::Value;

use super::offered::at_most;
use crate::case::Qemu;
use crate::judge::baseline::Baseline;
use crate::judge::{Entry, Verdict, adapter};

/// A line that was blocked, or answered in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// The QEMU.
    pub qemu: Qemu,
    /// The full name of its command.
    pub command: String,
    /// The line.
    pub line: String,
}

fn is_stuck(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Blocked | Verdict::Partial)
}

/// Those of a report.
#[must_use]
pub fn of_entries(entries: &[Entry]) -> Vec<Stuck> {
    let stuck = entries.iter().filter(|entry| is_stuck(entry.verdict));
    let stuck = stuck.map(|entry| Stuck {
        qemu: entry.qemu.clone(),
        command: entry.command.clone(),
        line: entry.line.clone(),
    });
    stuck.collect()
}

/// Those of a baseline, which says nothing of commands: lines are read as their QEMU reads them.
#[must_use]
pub fn of_baseline(baseline: &Baseline) -> Vec<Stuck> {
    let mut monitors: HashMap<Qemu, Monitor> = HashMap::new();
    let mut found = Vec::new();
    for (label, line, verdict) in baseline.verdicts() {
        let Ok(qemu) = label.parse::<Qemu>() else {
            continue;
        };
        if !is_stuck(verdict) {
            continue;
        }
        let monitor = monitors
            .entry(qemu.clone())
            .or_insert_with(|| Monitor::builder(Arc::new(Nobody)).build_with(at_most(&qemu)));
        found.push(Stuck {
            command: adapter::plan(&monitor.explain(line)).command,
            line: line.to_owned(),
            qemu,
        });
    }
    found
}

/// A QEMU that is not there: nothing is asked of it.
pub(super) struct Nobody;

impl Qmp for Nobody {
    fn execute<'a>(&'a self, command: &'a str, _: Value) -> BoxFuture<'a, Result<Value, QmpError>> {
        let command = command.to_owned();
        Box::pin(async { Err(QmpError::Disconnected { command }) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::sample;

    #[test]
    fn a_baseline_says_as_much_as_its_report() {
        let line = |line: &str, command: &str, verdict| {
            sample::entry("10.0-x86_64", line, command, verdict)
        };
        let entries = [
            line("print $pc", "print", Verdict::Blocked),
            line("info  mtree -f", "info mtree", Verdict::Blocked),
            line("info status", "info status", Verdict::Identical),
        ];
        let of_report = of_entries(&entries);
        let mut of_baseline = of_baseline(&Baseline::of(&entries, &[]));
        of_baseline.sort_by_key(|stuck| stuck.command != "print");
        assert_eq!(of_report.len(), 2);
        assert_eq!(of_baseline, of_report);
    }
}
