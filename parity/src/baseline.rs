//! The ratchet: no command may get worse than it was.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::compare::Verdict;
use crate::report::Report;

/// The worst verdict of each command on each QEMU.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// QEMU label, then the command's full name.
    pub commands: BTreeMap<String, BTreeMap<String, Verdict>>,
}

impl Baseline {
    /// The state that a report shows.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let mut commands: BTreeMap<String, BTreeMap<String, Verdict>> = BTreeMap::new();
        for entry in &report.entries {
            let of_qemu = commands.entry(entry.qemu.clone()).or_default();
            let worst = of_qemu
                .entry(entry.command.clone())
                .or_insert(entry.verdict);
            *worst = entry.verdict.max(*worst);
        }
        Self { commands }
    }

    /// What got worse, or vanished, compared with `before`: one sentence each. QEMUs that were not run are no loss.
    #[must_use]
    pub fn worse_than(&self, before: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for (qemu, old) in &before.commands {
            let Some(new) = self.commands.get(qemu) else {
                continue;
            };
            for (command, was) in old {
                match new.get(command) {
                    None => found.push(format!("{qemu}: {command} is no longer tried")),
                    Some(is) if is > was => found.push(format!(
                        "{qemu}: {command} was {}, is {}",
                        was.word(),
                        is.word()
                    )),
                    Some(_) => {}
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Entry, FORMAT};

    fn baseline(verdicts: &[(&str, Verdict)]) -> Baseline {
        let entries = verdicts.iter().map(|(command, verdict)| Entry {
            qemu: "10.0-x86_64".into(),
            command: (*command).to_owned(),
            verdict: *verdict,
            ..Entry::blank()
        });
        Baseline::of(&Report {
            format: FORMAT,
            native_only: true,
            entries: entries.collect(),
            sides: crate::report::Sides::default(),
            completions: Vec::new(),
            coverage: None,
            stale: Vec::new(),
        })
    }

    #[test]
    fn the_worst_line_of_a_command_counts() {
        let before = baseline(&[("a", Verdict::Identical), ("b", Verdict::Pending)]);
        let one_bad = baseline(&[
            ("a", Verdict::Identical),
            ("a", Verdict::Different),
            ("b", Verdict::Identical),
        ]);
        assert_eq!(
            one_bad.worse_than(&before),
            ["10.0-x86_64: a was identical, is different"]
        );
        assert!(before.worse_than(&before).is_empty());
    }

    #[test]
    fn a_command_that_is_not_tried_any_more_is_a_loss() {
        let before = baseline(&[("a", Verdict::Identical)]);
        assert_eq!(
            baseline(&[("b", Verdict::Identical)]).worse_than(&before),
            ["10.0-x86_64: a is no longer tried"]
        );
        assert!(Baseline::default().worse_than(&before).is_empty());
    }
}
