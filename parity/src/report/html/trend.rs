// SPDX-License-Identifier: GPL-2.0-or-later
//! What changed since an earlier report.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::named::command;
use crate::case::Qemu;
use crate::judge::cells::Cells;
use crate::judge::{Entry, Verdict};
use crate::report::Report;

/// The earlier report, as far as the page compares with it. Verdicts are numbers in
/// [`Verdict::ALL`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trend<'a> {
    native_only: bool,
    /// Lines by verdict, for each QEMU.
    lines: BTreeMap<&'a Qemu, Vec<usize>>,
    /// Commands that were right on each QEMU.
    right: BTreeMap<&'a Qemu, usize>,
    /// The worst verdict of each command on each QEMU.
    worst: BTreeMap<Cow<'a, str>, BTreeMap<&'a Qemu, usize>>,
    /// Lines whose verdict changed, and those that came or went.
    changes: Vec<Change<'a>>,
}

/// A line that is not as it was. A line that is new has no `was`, one that is gone no `entry`.
#[derive(Debug, Serialize)]
struct Change<'a> {
    qemu: &'a Qemu,
    case: &'a str,
    line: &'a str,
    command: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<usize>,
    /// The number of the entry in the new report.
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<usize>,
}

/// The place of a verdict in [`Verdict::ALL`].
pub fn number(verdict: Verdict) -> usize {
    let at = Verdict::ALL.iter().position(|v| *v == verdict);
    at.unwrap_or(Verdict::ALL.len() - 1)
}

/// Compares `report` with an earlier one.
pub fn since<'a>(before: &'a Report, report: &'a Report) -> Trend<'a> {
    let mut trend = Trend {
        native_only: before.native_only,
        lines: BTreeMap::new(),
        right: BTreeMap::new(),
        worst: BTreeMap::new(),
        changes: changes(before, report),
    };
    for entry in &before.entries {
        let verdict = number(entry.verdict);
        let counts = trend.lines.entry(&entry.qemu).or_default();
        counts.resize(Verdict::ALL.len(), 0);
        counts[verdict] += 1;
        let of_command = trend.worst.entry(command(entry)).or_default();
        let worst = of_command.entry(&entry.qemu).or_default();
        *worst = verdict.max(*worst);
    }
    for qemu in trend.lines.keys() {
        let of_qemu: Vec<&Entry> = before.entries.iter().filter(|e| e.qemu == **qemu).collect();
        trend.right.insert(qemu, Cells::of(&of_qemu).right);
    }
    trend
}

fn changes<'a>(before: &'a Report, report: &'a Report) -> Vec<Change<'a>> {
    let mut old: BTreeMap<Key<'_>, &Entry> = keys(before).zip(&before.entries).collect();
    let mut changes = Vec::new();
    for (at, (key, entry)) in keys(report).zip(&report.entries).enumerate() {
        let was = old.remove(&key).map(|e| e.verdict);
        if was != Some(entry.verdict) {
            changes.push(change(entry, was, Some(at)));
        }
    }
    let gone = old.values().map(|e| change(e, Some(e.verdict), None));
    changes.extend(gone);
    changes
}

fn change<'a>(of: &'a Entry, was: Option<Verdict>, entry: Option<usize>) -> Change<'a> {
    Change {
        qemu: &of.qemu,
        case: &of.case,
        line: &of.line,
        command: command(of),
        was: was.map(number),
        entry,
    }
}

/// What makes a line the same line in two reports; a case may have it several times.
type Key<'a> = (&'a Qemu, &'a str, &'a str, usize);

fn keys(report: &Report) -> impl Iterator<Item = Key<'_>> {
    let mut seen: HashMap<(&Qemu, &str, &str), usize> = HashMap::new();
    report.entries.iter().map(move |e| {
        let times = seen.entry((&e.qemu, &e.case, &e.line)).or_default();
        *times += 1;
        (&e.qemu, e.case.as_str(), e.line.as_str(), *times)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::{Kind, sample};

    fn report(lines: &[(&str, Verdict)]) -> Report {
        let entries = lines.iter();
        let entries = entries.map(|(line, v)| sample::entry("10.0-x86_64", line, "c", *v));
        Report::of(entries.collect())
    }

    #[test]
    fn lines_that_come_twice_are_two_lines() {
        let before = report(&[
            ("a", Verdict::Identical),
            ("a", Verdict::Pending),
            ("gone", Verdict::Identical),
        ]);
        let now = report(&[
            ("a", Verdict::Identical),
            ("a", Verdict::Identical),
            ("new", Verdict::Blocked),
        ]);
        let trend = since(&before, &now);
        let seen: Vec<_> = trend
            .changes
            .iter()
            .map(|c| (c.line, c.was, c.entry))
            .collect();
        let pending = number(Verdict::Pending);
        assert_eq!(
            seen,
            [
                ("a", Some(pending), Some(1)),
                ("new", None, Some(2)),
                ("gone", Some(0), None)
            ]
        );
        assert_eq!(trend.worst["c"][&sample::qemu("10.0-x86_64")], pending);
        assert_eq!(
            trend.lines[&sample::qemu("10.0-x86_64")]
                .iter()
                .sum::<usize>(),
            3
        );
    }

    #[test]
    fn a_report_has_not_changed_since_itself() {
        let mut report = report(&[("a", Verdict::Identical), ("b", Verdict::Identical)]);
        report.entries[1].command = "b".into();
        report.entries[1].kind = Some(Kind::Error);
        let trend = since(&report, &report);
        assert!(trend.changes.is_empty());
        // What is right in errors only was not right before either.
        assert_eq!(trend.right[&sample::qemu("10.0-x86_64")], 1);
    }
}
