// SPDX-License-Identifier: GPL-2.0-or-later
//! The ratchet: no command may get worse than it was.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::compare;
use super::entry::Entry;
use super::verdict::Verdict;
use crate::case::Qemu;

/// The worst verdict of each command on each QEMU.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// QEMU, then the command's full name.
    pub commands: BTreeMap<Qemu, BTreeMap<String, Verdict>>,
    /// In how many lines partial answers and the built-in's differ, in all lines of a command; by
    /// the same keys.
    #[serde(default)]
    pub parts: BTreeMap<Qemu, BTreeMap<String, usize>>,
}

impl Baseline {
    /// The state that these lines show.
    #[must_use]
    pub fn of(entries: &[Entry]) -> Self {
        let mut commands: BTreeMap<Qemu, BTreeMap<String, Verdict>> = BTreeMap::new();
        let mut parts: BTreeMap<Qemu, BTreeMap<String, usize>> = BTreeMap::new();
        for entry in entries {
            if entry.verdict == Verdict::Partial {
                let of_qemu = parts.entry(entry.qemu.clone()).or_default();
                *of_qemu.entry(entry.command.clone()).or_default() += apart(entry);
            }
            let of_qemu = commands.entry(entry.qemu.clone()).or_default();
            let worst = of_qemu
                .entry(entry.command.clone())
                .or_insert(entry.verdict);
            *worst = entry.verdict.max(*worst);
        }
        Self { commands, parts }
    }

    /// What got worse, or vanished, compared with `before`: one sentence each. QEMUs that were not
    /// run are no loss.
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

fn apart(part: &Entry) -> usize {
    compare::lines_apart(&part.command, &part.builtin, &part.ours, &part.notes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::sample::{entry, qemu};

    fn baseline(verdicts: &[(&str, Verdict)]) -> Baseline {
        let entries = verdicts.iter();
        let entries = entries.map(|(command, verdict)| entry("10.0-x86_64", "", command, *verdict));
        Baseline::of(&entries.collect::<Vec<_>>())
    }

    #[test]
    fn a_part_that_shows_less_is_worse() {
        let part = |ours: &str, note: &str| {
            let mut part = entry("11.1-x86_64", "", "info mtree", Verdict::Partial);
            part.builtin = "a\nb\n".into();
            part.ours = format!("{ours}> {note}\n");
            part.notes.push(note.into());
            Baseline::of(&[part])
        };
        let before = part("a\n", "no b");
        assert_eq!(before.parts[&qemu("11.1-x86_64")]["info mtree"], 1);
        assert!(part("a\nb\n", "all").worse_than(&before).is_empty());
        assert_eq!(
            part("", "nothing").worse_than(&before),
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
