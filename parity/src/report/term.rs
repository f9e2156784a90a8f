//! The report for a terminal.

use std::fmt::Write;

use super::{Entry, Report};
use crate::judge::compare::Verdict;
use crate::live::complete;

/// Lines that are not alike, with both answers, and the totals.
#[must_use]
pub fn render(report: &Report, verbose: bool) -> String {
    let mut out = String::new();
    for entry in &report.entries {
        let shown = verbose || matches!(entry.verdict, Verdict::Different | Verdict::NotRun);
        if shown {
            // Writing to a string can't fail.
            let _ = entry_text(&mut out, entry);
        }
    }
    let _ = totals(&mut out, report);
    out
}

/// Strict totals: of all lines of a QEMU, those that a native or a derived route answered as the built-in does.
#[must_use]
pub fn strict(report: &Report) -> String {
    let mut out = String::new();
    for (qemu, totals) in report.totals() {
        let all: usize = totals.values().sum();
        let of_qemu = report.entries.iter().filter(|e| e.qemu == qemu);
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
        diff(out, &entry.builtin, &entry.ours)?;
    }
    for probed in entry.probes.iter().filter(|p| !p.alike) {
        writeln!(out, "    probe {}", probed.probe)?;
        diff(out, &probed.builtin, &probed.ours)?;
    }
    Ok(())
}

/// Lines of a diff that are shown.
const DIFF_LINES: usize = 40;

/// The lines that differ: `-` the built-in's, `+` ours.
fn diff(out: &mut String, builtin: &str, ours: &str) -> std::fmt::Result {
    let diff = similar::TextDiff::from_lines(builtin, ours);
    let changes = diff
        .iter_all_changes()
        .filter(|c| c.tag() != similar::ChangeTag::Equal);
    for change in changes.take(DIFF_LINES) {
        let mark = if change.tag() == similar::ChangeTag::Delete {
            '-'
        } else {
            '+'
        };
        writeln!(out, "    {mark}{:?}", change.value())?;
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
    out.push_str(&complete::render(&report.completions));
    for line in &report.stale {
        writeln!(out, "stale entry in known.toml: {line}")?;
    }
    Ok(())
}
