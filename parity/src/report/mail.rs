// SPDX-License-Identifier: GPL-2.0-or-later
//! The state as a text for a mailing list.

use std::fmt::Write;

use hmp_engine::command::route::{self, State};
use hmp_engine::table;

use super::history::{self, Run, Score};
use crate::case::Qemu;
use crate::tables::fill::fill;
use crate::tables::gaps::Gap;
use crate::tables::offered::Offers;

/// The most columns of a line.
pub const WIDTH: usize = 72;

/// The state by QEMU, the gaps by rank, and what changed between the last run of a history and the
/// one before it of the same kind.
#[must_use]
pub fn render(qemus: &Offers, gaps: &[Gap], history: &[Run]) -> String {
    let mut out = String::new();
    // Writing to a string can't fail.
    let _ = state(&mut out, qemus);
    let _ = ranked(&mut out, gaps);
    let _ = changed(&mut out, history);
    out
}

fn paragraph(out: &mut String, head: &str, indent: &str, text: &str) -> std::fmt::Result {
    for line in fill(head, indent, text, WIDTH) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn title(out: &mut String, text: &str) -> std::fmt::Result {
    writeln!(out, "{text}\n{}\n", "=".repeat(text.chars().count()))
}

fn state(out: &mut String, qemus: &Offers) -> std::fmt::Result {
    title(out, "QEMU's human monitor over QMP: the state")?;
    paragraph(
        out,
        "",
        "",
        "Commands of each QEMU by what is left of them without the built-in monitor: whole, a part, \
         or nothing, because QMP lacks an interface. Some of these answer with leave to pause the VM \
         or to read the state of its devices (--allow).",
    )?;
    writeln!(
        out,
        "\n{:<15} {:>8} {:>6} {:>5} {:>8} {:>8}",
        "QEMU", "commands", "whole", "part", "nothing", "--allow"
    )?;
    for (qemu, caps) in qemus {
        let rows = table::rows(caps);
        let count = |test: fn(State) -> bool| {
            let states = rows.all().map(|(_, row)| route::state(row, caps));
            states.filter(|state| test(*state)).count()
        };
        let part = count(|state| state == State::Partial);
        let nothing = count(|state| matches!(state, State::Blocked | State::Passthrough));
        let all = rows.all().count();
        let leave = rows
            .all()
            .filter(|(_, row)| route::leave(row, caps).is_some());
        writeln!(
            out,
            "{:<15} {all:>8} {:>6} {part:>5} {nothing:>8} {:>8}",
            qemu.to_string(),
            all - part - nothing,
            leave.count()
        )?;
    }
    out.push('\n');
    Ok(())
}

fn ranked(out: &mut String, gaps: &[Gap]) -> std::fmt::Result {
    title(out, "The interfaces to add, by rank")?;
    for (at, gap) in gaps.iter().filter(|gap| !gap.is_settled()).enumerate() {
        let mut commands: Vec<&str> = gap.commands().collect();
        commands.dedup();
        let text = format!(
            "{} for {} ({})",
            gap.name,
            commands.join(", "),
            gap.weight_words()
        );
        paragraph(out, &format!("{:>2}. ", at + 1), "    ", &text)?;
        paragraph(out, "    now in ", "    ", &gap.function)?;
        for way in gap.today_words() {
            paragraph(out, "    ", "    ", &way)?;
        }
    }
    let settled: Vec<String> = gaps
        .iter()
        .filter_map(|gap| Some(format!("{} ({})", gap.name, gap.settled_words()?)))
        .collect();
    if !settled.is_empty() {
        out.push('\n');
        paragraph(out, "", "", &format!("Settled: {}.", settled.join(", ")))?;
    }
    out.push('\n');
    Ok(())
}

fn changed(out: &mut String, history: &[Run]) -> std::fmt::Result {
    let latest = history::latest(history).and_then(|(now, like)| Some((now, *like.last()?)));
    let Some((now, before)) = latest else {
        title(out, "What changed")?;
        return writeln!(out, "The history does not have two runs to compare.");
    };
    title(
        out,
        &format!("What changed since {} ({})", before.date, before.revision),
    )?;
    let mut any = false;
    for (qemu, is) in &now.qemus {
        let sentence = match before.qemus.get(qemu) {
            None => Some(format!("{qemu}: new, {}", right(is))),
            Some(was) => difference(qemu, was, is),
        };
        if let Some(sentence) = sentence {
            any = true;
            paragraph(out, "", "    ", &sentence)?;
        }
    }
    for qemu in before
        .qemus
        .keys()
        .filter(|qemu| !now.qemus.contains_key(*qemu))
    {
        any = true;
        paragraph(out, "", "    ", &format!("{qemu}: no longer run"))?;
    }
    if !any {
        writeln!(out, "Nothing.")?;
    }
    Ok(())
}

fn right(score: &Score) -> String {
    format!(
        "{} of {} commands tried are right",
        score.right, score.tried
    )
}

fn difference(qemu: &Qemu, was: &Score, is: &Score) -> Option<String> {
    if (was.right, was.tried, was.bad, was.stuck) == (is.right, is.tried, is.bad, is.stuck) {
        return None;
    }
    Some(format!(
        "{qemu}: {} (was {} of {}), {} lines stuck for want of QMP (was {}), {} lines wrong (was {})",
        right(is),
        was.right,
        was.tried,
        is.stuck,
        was.stuck,
        is.bad,
        was.bad
    ))
}

#[cfg(test)]
mod tests {
    use hmp_engine::qemu::caps::Caps;
    use hmp_engine::qmp::version::v;

    use super::*;
    use crate::judge::{Verdict, sample};
    use crate::report::Report;
    use crate::tables::gaps;

    #[test]
    fn no_line_is_wider_than_a_mail() {
        let caps = Caps::from_parts(v(11, 1), Some("x86_64"), ["query-status", "stop"]);
        let qemus = Offers::from([(Qemu::of(&caps), caps)]);
        let run = |verdict| {
            let entry = sample::entry("11.1-x86_64", "stop", "stop", verdict);
            let mut run = Run::of(&Report::of(vec![entry]));
            run.date = "2026-11-28".into();
            run
        };
        let history = [run(Verdict::Identical), run(Verdict::Different)];
        let text = render(&qemus, &gaps::gaps(&qemus, &[]), &history);
        let wide: Vec<&str> = text.lines().filter(|l| l.chars().count() > WIDTH).collect();
        assert_eq!(wide, [""; 0]);
        for part in [
            "11.1-x86_64",
            " 1. drive-add for drive_add",
            "11.1-x86_64: 0 of 1 commands tried are right (was 1 of 1), 0 lines stuck",
            "audio-capture-start (QEMU deprecates",
        ] {
            assert!(text.contains(part), "{part} not in {text}");
        }
        assert!(render(&qemus, &[], &history[..1]).contains("does not have two runs"));
        // A run with the built-in's help in between is about other lines.
        let mut helped = run(Verdict::Different);
        helped.native_only = !helped.native_only;
        let [first, last] = history;
        let between = render(&qemus, &[], &[first, helped.clone(), last.clone()]);
        assert!(between.contains("(was 1 of 1)"), "{between}");
        assert!(render(&qemus, &[], &[helped, last]).contains("does not have two runs"));
        let same = [run(Verdict::Identical), run(Verdict::Identical)];
        assert!(render(&qemus, &[], &same).ends_with("Nothing.\n"));
    }
}
