// SPDX-License-Identifier: GPL-2.0-or-later
//! The report for a terminal.

use std::fmt::Write;

use super::{Report, completion};
use crate::judge::cells::Cells;
use crate::judge::compare::{self, Expected, marked};
use crate::judge::{Entry, Kind, Verdict, mask};

/// Lines that are not alike, with both answers, and the totals.
#[must_use]
pub fn render(report: &Report, verbose: bool) -> String {
    let mut out = String::new();
    for entry in &report.entries {
        if verbose || !entry.is_clean() {
            // Writing to a string can't fail.
            let _ = entry_text(&mut out, entry);
        }
    }
    let _ = totals(&mut out, report);
    out
}

/// Strict totals: of all lines of a QEMU, those that a native or a derived route answered as the
/// built-in does.
#[must_use]
pub fn strict(report: &Report) -> String {
    let mut out = String::new();
    for (qemu, totals) in report.totals() {
        let all: usize = totals.values().sum();
        let of_qemu = report.entries.iter().filter(|e| e.qemu == *qemu);
        let own = of_qemu.filter(|e| e.passes_strictly()).count();
        // Writing to a string can't fail.
        let _ = writeln!(
            out,
            "{qemu}: strict: {own} of {all} by native and derived routes"
        );
    }
    out
}

fn entry_text(out: &mut String, entry: &Entry) -> std::fmt::Result {
    writeln!(
        out,
        "{:<11} {:<14} {:<14} {}",
        entry.verdict.word(),
        entry.qemu,
        entry.case,
        entry.line
    )?;
    if !entry.note.is_empty() {
        writeln!(out, "    {}", entry.note)?;
    }
    if entry.verdict != Verdict::Different {
        return Ok(());
    }
    diff(out, &entry.differences)?;
    for probed in entry.probes.iter().filter(|p| !p.alike) {
        writeln!(out, "    probe {}", probed.probe)?;
        let expected = Expected::Other {
            answer: &probed.builtin,
            dir: "",
            our_dir: "",
        };
        diff(
            out,
            &marked(compare::whole(mask::PROBES, expected, &probed.ours).differences),
        )?;
    }
    Ok(())
}

/// The lines that made the difference: first one of each side, then all of them, `-` the
/// built-in's, `+` ours.
fn diff(out: &mut String, differences: &[String]) -> std::fmt::Result {
    if differences.is_empty() {
        return Ok(());
    }
    for (word, mark) in [("expected", '-'), ("got", '+')] {
        match differences.iter().find_map(|line| line.strip_prefix(mark)) {
            Some(line) => writeln!(out, "    {word:<9} {line:?}")?,
            None => writeln!(out, "    {word:<9} no such line")?,
        }
    }
    if differences.len() <= 2 {
        return Ok(());
    }
    for line in differences {
        let (mark, line) = line.split_at(1);
        writeln!(out, "    {mark}{line:?}")?;
    }
    Ok(())
}

fn totals(out: &mut String, report: &Report) -> std::fmt::Result {
    for (qemu, totals) in report.totals() {
        write!(out, "{qemu}:")?;
        for verdict in Verdict::ALL {
            if let Some(count) = totals.get(&verdict) {
                write!(out, " {count} {}", verdict.word())?;
            }
        }
        writeln!(out, ", {} in all", totals.values().sum::<usize>())?;
        let of_qemu: Vec<&Entry> = report.entries.iter().filter(|e| e.qemu == *qemu).collect();
        writeln!(out, "{qemu}: {}", kinds(&of_qemu))?;
        writeln!(out, "{qemu}: {}", Cells::of(&of_qemu))?;
    }
    out.push_str(&completion::render(&report.completions));
    for line in &report.stale {
        writeln!(out, "stale entry in known.toml: {line}")?;
    }
    Ok(())
}

/// What kinds of answers the lines that passed are.
fn kinds(entries: &[&Entry]) -> String {
    let passed = entries.iter().filter(|e| e.verdict.passes());
    let count = |kind: Kind| passed.clone().filter(|e| e.kind == Some(kind)).count();
    let words = Kind::ALL.map(|kind| format!("{} {}", count(kind), kind.word()));
    format!(
        "of {} that passed: {}",
        passed.clone().count(),
        words.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::sample;

    #[test]
    fn a_difference_begins_with_the_line_that_differs() {
        let mut entry = sample::entry("10.0-x86_64", "help", "help", Verdict::Different);
        let shown = |entry: &mut Entry, builtin: &str, ours: &str| {
            let compared = compare::whole("help", Expected::same(builtin), ours);
            entry.show(compared.differences);
            render(&Report::of(vec![entry.clone()]), false)
        };
        let builtin = "cont -- resume\n\t\tmore\nstop -- stop\nx -- dump\n";
        let text = shown(
            &mut entry,
            builtin,
            "cont -- goes on\nstop|s -- stops\nx -- shows\n",
        );
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows[1], r#"    expected  "stop -- ...\n""#);
        assert_eq!(rows[2], r#"    got       "stop|s -- ...\n""#);
        assert!(rows[3].starts_with("10.0-x86_64:"), "{text}");

        let ours = "stop -- stops\nx -- shows\nq -- ends\nq|x -- ends\n";
        let text = shown(&mut entry, builtin, ours);
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows[1], r#"    expected  "cont -- ...\n""#);
        assert_eq!(rows[2], r#"    got       "q -- ...\n""#);
        assert_eq!(
            rows[3..6].join(""),
            r#"    -"cont -- ...\n"    +"q -- ...\n"    +"q|x -- ...\n""#
        );
    }
}
