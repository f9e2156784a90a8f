// SPDX-License-Identifier: GPL-2.0-or-later
//! What became of the faults, as a table.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::fault::Fault;
use crate::mutants::checks::Outcome;

/// The page that holds it.
pub const PAGE: &str = "docs/planted.md";

/// Of so many faults ...
const OF: usize = 60;
/// ... so many are to be noticed without a QEMU.
const NOTICED: usize = 58;

/// What became of one fault.
pub struct Row {
    /// With the recorded topics.
    pub recorded: Outcome,
    /// With the tests that need no QEMU.
    pub unit: Outcome,
    /// With the cases on real QEMUs, where they were run.
    pub live: Option<Outcome>,
}

impl Row {
    fn is_noticed_offline(&self) -> bool {
        !self.recorded.survived() || !self.unit.survived()
    }

    fn is_noticed(&self) -> bool {
        self.is_noticed_offline() || self.live.as_ref().is_some_and(|live| !live.survived())
    }

    /// It, for the way there.
    pub fn line(&self) -> String {
        format!(
            "offline {}, unit {}, live {}",
            cell(Some(&self.recorded)),
            cell(Some(&self.unit)),
            cell(self.live.as_ref())
        )
    }
}

fn cell(outcome: Option<&Outcome>) -> String {
    match outcome {
        None => "not tried".into(),
        Some(Outcome::Caught(check)) => format!("yes: {check}"),
        Some(Outcome::TimedOut(check)) => format!("yes, it hangs: {check}"),
        Some(Outcome::Missed) => "no".into(),
        Some(Outcome::Unreached) => "no, nothing passes by it".into(),
    }
}

/// Whether enough were noticed without a QEMU.
pub fn is_enough(rows: &BTreeMap<usize, Row>) -> bool {
    let noticed = rows.values().filter(|row| row.is_noticed_offline()).count();
    noticed * OF >= rows.len() * NOTICED
}

/// The table, those that nothing noticed first, and the totals.
pub fn render(faults: &[Fault], rows: &BTreeMap<usize, Row>) -> String {
    let mut text = String::from(
        "| fault | what it is | family | mask | offline | unit | live |\n|---|---|---|---|---|---|---|\n",
    );
    let mut sorted: Vec<_> = rows.iter().collect();
    sorted.sort_by_key(|(_, row)| (row.is_noticed_offline(), row.is_noticed()));
    for (number, row) in sorted {
        let fault = &faults[*number];
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} |",
            fault.id,
            fault.what.replace('|', "\\|"),
            fault.family,
            fault.mask.as_deref().unwrap_or_default(),
            cell(Some(&row.recorded)),
            cell(Some(&row.unit)),
            cell(row.live.as_ref()),
        );
    }
    let count = |is: &dyn Fn(&Row) -> bool| rows.values().filter(|row| is(row)).count();
    let _ = writeln!(
        text,
        "\nOf {} faults, {} are noticed without a QEMU: {} by the recordings, {} by tests that need none.",
        rows.len(),
        count(&Row::is_noticed_offline),
        count(&|row| !row.recorded.survived()),
        count(&|row| !row.unit.survived()),
    );
    if rows.values().any(|row| row.live.is_some()) {
        let live = count(&|row| row.live.as_ref().is_some_and(|live| !live.survived()));
        let all = count(&Row::is_noticed);
        let _ = writeln!(
            text,
            "Real QEMUs notice {live}. {} are noticed by nothing.",
            rows.len() - all
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(noticed: usize, missed: usize) -> BTreeMap<usize, Row> {
        let row = |noticed| Row {
            recorded: Outcome::Unreached,
            unit: if noticed {
                Outcome::Caught("t".into())
            } else {
                Outcome::Missed
            },
            live: Some(Outcome::Caught("c on q".into())),
        };
        let all = (0..noticed + missed).map(|n| (n, row(n < noticed)));
        all.collect()
    }

    #[test]
    fn one_in_thirty_may_be_missed() {
        assert!(is_enough(&rows(58, 2)));
        assert!(!is_enough(&rows(57, 3)));
        assert!(is_enough(&rows(1, 0)));
        assert!(!is_enough(&rows(28, 1)));
    }
}
