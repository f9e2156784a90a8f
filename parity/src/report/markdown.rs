// SPDX-License-Identifier: GPL-2.0-or-later
//! The report as a summary for a merge request.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Report, Totals, completion};
use crate::case::Qemu;
use crate::judge::Verdict;

/// Most changes listed by name.
const LISTED: usize = 50;

/// Totals by QEMU, and what changed since `before`, if there is one.
#[must_use]
pub fn render(report: &Report, before: Option<&Report>) -> String {
    let mut out = String::from("## Parity with the built-in monitor\n\n| QEMU | lines |");
    let seen: Vec<Verdict> = Verdict::ALL
        .into_iter()
        .filter(|v| report.entries.iter().any(|e| e.verdict == *v))
        .collect();
    for verdict in &seen {
        // Writing to a string can't fail.
        let _ = write!(out, " {} |", verdict.word());
    }
    out.push_str("\n|---|---:|");
    out.push_str(&"---:|".repeat(seen.len()));
    out.push('\n');
    let old = before.map(Report::totals).unwrap_or_default();
    for (qemu, totals) in report.totals() {
        let _ = write!(out, "| {qemu} | {} |", totals.values().sum::<usize>());
        for verdict in &seen {
            let count = count(&totals, *verdict);
            let change = old
                .get(qemu)
                .map(|t| count.cast_signed() - self::count(t, *verdict).cast_signed())
                .filter(|change| *change != 0);
            let change = change.map_or(String::new(), |c| format!(" ({c:+})"));
            let _ = write!(out, " {count}{change} |");
        }
        out.push('\n');
    }
    if !report.completions.is_empty() {
        out.push_str("\n### Completion\n\n```text\n");
        out.push_str(&completion::render(&report.completions));
        out.push_str("```\n");
    }
    if let Some(before) = before {
        changes(&mut out, report, before);
    }
    out
}

fn count(totals: &Totals, verdict: Verdict) -> usize {
    totals.get(&verdict).copied().unwrap_or(0)
}

fn changes(out: &mut String, report: &Report, before: &Report) {
    type Key<'a> = (&'a Qemu, &'a str, &'a str);
    fn lines(report: &Report) -> BTreeMap<Key<'_>, Verdict> {
        let lines = report.entries.iter();
        let lines = lines.map(|e| ((&e.qemu, &*e.case, &*e.line), e.verdict));
        lines.collect()
    }
    let (old, new) = (lines(before), lines(report));
    let mut list = |title: &str, found: Vec<String>| {
        if found.is_empty() {
            return;
        }
        let _ = writeln!(out, "\n### {title} ({})\n", found.len());
        for line in found.iter().take(LISTED) {
            let _ = writeln!(out, "- {line}");
        }
        if found.len() > LISTED {
            let _ = writeln!(out, "- and {} more", found.len() - LISTED);
        }
    };
    let text =
        |(qemu, case, line): Key<'_>, what: String| format!("{qemu} {case} `{line}`: {what}");
    let changed = |worse: bool| {
        old.iter()
            .filter_map(|(key, was)| {
                let is = new.get(key)?;
                (was != is && (is > was) == worse)
                    .then(|| text(*key, format!("{} → {}", was.word(), is.word())))
            })
            .collect()
    };
    list("Worse", changed(true));
    list("Better", changed(false));
    let vanished = old
        .iter()
        .filter(|(key, _)| !new.contains_key(*key))
        .map(|(key, was)| text(*key, format!("was {}", was.word())));
    list("No longer run", vanished.collect());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::sample;

    fn report(verdicts: &[(&str, Verdict)]) -> Report {
        let entries = verdicts.iter();
        let entries =
            entries.map(|(line, verdict)| sample::entry("10.0-x86_64", line, "", *verdict));
        Report::of(entries.collect())
    }

    #[test]
    fn changes_are_listed_by_direction() {
        let before = report(&[
            ("a", Verdict::Identical),
            ("b", Verdict::Pending),
            ("c", Verdict::Identical),
        ]);
        let after = report(&[("a", Verdict::Different), ("b", Verdict::Identical)]);
        let text = render(&after, Some(&before));
        for part in [
            "| 10.0-x86_64 | 2 | 1 (-1) | 1 (+1) |",
            "### Worse (1)\n\n- 10.0-x86_64 c `a`: identical → different",
            "### Better (1)\n\n- 10.0-x86_64 c `b`: pending → identical",
            "### No longer run (1)\n\n- 10.0-x86_64 c `c`: was identical",
        ] {
            assert!(text.contains(part), "{part:?} not in {text}");
        }
    }
}
