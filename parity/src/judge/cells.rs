// SPDX-License-Identifier: GPL-2.0-or-later
//! Commands on a QEMU: what all lines of each come to.

use std::collections::BTreeMap;
use std::fmt;

use super::entry::Entry;

/// How many commands of one QEMU are how good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cells {
    /// Every line passed, and the command succeeded in one of them.
    pub right: usize,
    /// Every line passed, and all of them are errors.
    pub errors_only: usize,
    /// The others that were tried.
    pub others: usize,
}

impl Cells {
    /// The commands that the lines of one QEMU name.
    #[must_use]
    pub fn of(entries: &[&Entry]) -> Self {
        let mut commands: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
        for entry in entries.iter().filter(|e| !e.command.is_empty()) {
            let (passes, succeeds) = commands.entry(&entry.command).or_insert((true, false));
            *passes &= entry.verdict.passes();
            *succeeds |= entry.succeeds();
        }
        let mut cells = Self::default();
        for (passes, succeeds) in commands.into_values() {
            match (passes, succeeds) {
                (true, true) => cells.right += 1,
                (true, false) => cells.errors_only += 1,
                (false, _) => cells.others += 1,
            }
        }
        cells
    }
}

impl fmt::Display for Cells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            right,
            errors_only,
            others,
        } = self;
        let all = right + errors_only + others;
        write!(
            f,
            "of {all} commands: {right} right, {errors_only} right in errors only, {others} not"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::sample::entry;
    use crate::judge::{Kind, Verdict};

    #[test]
    fn errors_alone_show_nothing() {
        let line = |command: &str, verdict, kind| {
            let mut line = entry("10.0-arm", command, command, verdict);
            line.kind = Some(kind);
            line
        };
        let lines = [
            line("eject", Verdict::Identical, Kind::Error),
            line("cont", Verdict::Identical, Kind::Error),
            line("cont", Verdict::Identical, Kind::Silent),
            line("stop", Verdict::Identical, Kind::Unseen),
            line("info mtree", Verdict::Partial, Kind::Output),
            line("info mtree", Verdict::Identical, Kind::Output),
        ];
        let cells = Cells::of(&lines.iter().collect::<Vec<_>>());
        let expected = Cells {
            right: 1,
            errors_only: 2,
            others: 1,
        };
        assert_eq!(cells, expected);
    }
}
