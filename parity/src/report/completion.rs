// SPDX-License-Identifier: GPL-2.0-or-later
//! What TAB did, for a terminal.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::case::Qemu;
use crate::judge::{Completed, Verdict};

/// The score for a terminal: what differs, then a line for each QEMU.
#[must_use]
pub fn render(found: &[Completed]) -> String {
    let mut out = String::new();
    let mut qemus: Vec<&Qemu> = Vec::new();
    for completed in found {
        if !qemus.contains(&&completed.qemu) {
            qemus.push(&completed.qemu);
        }
        if completed.is_clean() {
            continue;
        }
        let (word, qemu) = (completed.verdict.word(), &completed.qemu);
        // Writing to a string can't fail.
        let _ = writeln!(
            out,
            "{word:<11} {qemu:<14} {:?} {}",
            completed.prefix, completed.note
        );
        for (builtin, ours) in completed.builtin.iter().zip(&completed.ours) {
            if builtin.line != ours.line {
                let _ = writeln!(out, "    -{:?}\n    +{:?}", builtin.line, ours.line);
            }
            let (gone, new) = (
                lacking(&builtin.list, &ours.list),
                lacking(&ours.list, &builtin.list),
            );
            for (mark, words) in [('-', gone), ('+', new)] {
                if !words.is_empty() {
                    let _ = writeln!(out, "    {mark}{}", words.join(" "));
                }
            }
        }
    }
    for qemu in qemus {
        let of = |verdict| {
            let with = found
                .iter()
                .filter(|c| c.qemu == *qemu && c.verdict == verdict);
            with.count()
        };
        let all = found.iter().filter(|c| c.qemu == *qemu).count();
        let _ = write!(
            out,
            "{qemu}: completion: {} of {all} prefixes identical",
            of(Verdict::Identical)
        );
        for verdict in [Verdict::Known, Verdict::Different, Verdict::NotRun] {
            if of(verdict) > 0 {
                let _ = write!(out, ", {} {}", of(verdict), verdict.word());
            }
        }
        out.push('\n');
        let mut kinds: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for completed in found.iter().filter(|c| c.qemu == *qemu) {
            let (identical, all) = kinds.entry(&completed.kind).or_default();
            *identical += usize::from(completed.verdict == Verdict::Identical);
            *all += 1;
        }
        let cells: Vec<String> = kinds
            .iter()
            .map(|(kind, (identical, all))| format!("{kind} {identical} of {all}"))
            .collect();
        let _ = writeln!(out, "{qemu}: completion: {}", cells.join(", "));
    }
    out
}

/// What `list` has and `other` has not.
fn lacking<'a>(list: &'a [String], other: &[String]) -> Vec<&'a str> {
    let gone = list.iter().filter(|word| !other.contains(word));
    gone.map(String::as_str).collect()
}
