// SPDX-License-Identifier: GPL-2.0-or-later
//! The report for a terminal.

use std::fmt::Write;

use super::{Report, completion};
use crate::judge::compare::{self, Side};
use crate::judge::{Entry, Verdict, mask};

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
    if entry.builtin != entry.ours {
        diff(out, &entry.command, &entry.builtin, &entry.ours)?;
    }
    for probed in entry.probes.iter().filter(|p| !p.alike) {
        writeln!(out, "    probe {}", probed.probe)?;
        diff(out, mask::PROBES, &probed.builtin, &probed.ours)?;
    }
    Ok(())
}

/// Lines of a diff that are shown.
const DIFF_LINES: usize = 40;

/// The lines that differ, behind the masks: first one of each side, then all of them, `-` the
/// built-in's, `+` ours.
fn diff(out: &mut String, command: &str, builtin: &str, ours: &str) -> std::fmt::Result {
    let changes = compare::differences(command, builtin, ours);
    for (word, side) in [("expected", Side::Builtin), ("got", Side::Ours)] {
        match changes.iter().find(|(of, _)| *of == side) {
            Some((_, line)) => writeln!(out, "    {word:<9} {line:?}")?,
            None => writeln!(out, "    {word:<9} no such line")?,
        }
    }
    if changes.len() <= 2 {
        return Ok(());
    }
    for (side, line) in changes.iter().take(DIFF_LINES) {
        let mark = match side {
            Side::Builtin => '-',
            Side::Ours => '+',
        };
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
    }
    out.push_str(&completion::render(&report.completions));
    for line in &report.stale {
        writeln!(out, "stale entry in known.toml: {line}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::sample;

    #[test]
    fn a_difference_begins_with_the_line_that_differs() {
        let mut entry = sample::entry("10.0-x86_64", "help", "help", Verdict::Different);
        entry.builtin = "cont -- resume\n\t\tmore\nstop -- stop\nx -- dump\n".into();
        entry.ours = "cont -- goes on\nstop|s -- stops\nx -- shows\n".into();
        let text = render(&Report::of(vec![entry.clone()]), false);
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows[1], r#"    expected  "stop -- ...\n""#);
        assert_eq!(rows[2], r#"    got       "stop|s -- ...\n""#);
        assert!(rows[3].starts_with("10.0-x86_64:"), "{text}");

        entry.ours = "stop -- stops\nx -- shows\nq -- ends\nq|x -- ends\n".into();
        let text = render(&Report::of(vec![entry]), false);
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows[1], r#"    expected  "cont -- ...\n""#);
        assert_eq!(rows[2], r#"    got       "q -- ...\n""#);
        assert_eq!(
            rows[3..6].join(""),
            r#"    -"cont -- ...\n"    +"q -- ...\n"    +"q|x -- ...\n""#
        );
    }
}
