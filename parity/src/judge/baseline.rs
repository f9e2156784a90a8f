//! The ratchet: no command may get worse than it was.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::judge::compare::{self, Verdict};
use crate::report::Report;

/// The worst verdict of each command on each QEMU.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// QEMU label, then the command's full name.
    pub commands: BTreeMap<String, BTreeMap<String, Verdict>>,
    /// In how many lines partial answers and the built-in's differ, in all lines of a command; by the same keys.
    #[serde(default)]
    pub parts: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Baseline {
    /// The state that a report shows.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let mut commands: BTreeMap<String, BTreeMap<String, Verdict>> = BTreeMap::new();
        let mut parts: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
        for entry in &report.entries {
            if entry.verdict == Verdict::Partial {
                let of_qemu = parts.entry(entry.qemu.clone()).or_default();
                *of_qemu.entry(entry.command.clone()).or_default() +=
                    compare::lines_apart(&entry.command, &entry.builtin, &entry.ours);
            }
            let of_qemu = commands.entry(entry.qemu.clone()).or_default();
            let worst = of_qemu
                .entry(entry.command.clone())
                .or_insert(entry.verdict);
            *worst = entry.verdict.max(*worst);
        }
        Self { commands, parts }
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
        for (qemu, old) in &before.parts {
            let new = self.parts.get(qemu);
            for (command, was) in old {
                if let Some(is) = new.and_then(|new| new.get(command))
                    && is > was
                {
                    found.push(format!(
                        "{qemu}: parts of {command} differ in {is} lines, they did in {was}"
                    ));
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
    fn a_part_that_shows_less_is_worse() {
        let part = |ours: &str| {
            let mut baseline = baseline(&[]);
            let of_qemu = baseline.parts.entry("11.1-x86_64".into()).or_default();
            let apart = compare::lines_apart("info mtree", "a\nb\n", ours);
            of_qemu.insert("info mtree".into(), apart);
            baseline
        };
        let before = part("a\nnote: no b\n");
        assert!(part("a\nb\nnote: all\n").worse_than(&before).is_empty());
        assert_eq!(
            part("note: nothing\n").worse_than(&before),
            ["11.1-x86_64: parts of info mtree differ in 2 lines, they did in 1"]
        );
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
