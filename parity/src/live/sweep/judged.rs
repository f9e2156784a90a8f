// SPDX-License-Identifier: GPL-2.0-or-later
//! The verdict on a line of which all answers come from one VM: nothing but what the built-in's own
//! two answers have different may differ.

use hmp_engine::engine::shown_notes;

use super::answer::{Asked, Part};
use crate::judge::{Outcome, Ran, RouteTaken, Verdict, ladder, mask};

/// What is made of a line in one mode.
#[derive(Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// The masks that made the answers alike.
    pub masks: Vec<&'static str>,
    /// How much a part shows.
    pub part: Option<Part>,
    /// Why, where the answers do not show it.
    pub note: String,
}

impl From<Verdict> for Judgement {
    fn from(verdict: Verdict) -> Self {
        Self {
            verdict,
            masks: Vec::new(),
            part: None,
            note: String::new(),
        }
    }
}

/// Judges what our side did in this mode, between the built-in's two answers.
pub fn judge(ran: &Ran, asked: Asked, builtin: [&str; 2]) -> Judgement {
    let settled = ladder::settled(ran);
    match (&ran.outcome, settled) {
        (Outcome::Lost(why), _) => return noted(Verdict::Different, why.clone()),
        (Outcome::Panicked(text), _) => {
            return noted(Verdict::Different, format!("the command panicked: {text}"));
        }
        (_, Some(Verdict::Refused)) => return Verdict::Refused.into(),
        (_, Some(verdict)) if asked == Asked::NativeOnly => return verdict.into(),
        _ => {}
    }
    let notes = shown_notes(&ran.notes);
    let text = ran.text.strip_suffix(&notes).unwrap_or(&ran.text);
    let partly = !ran.notes.is_empty() || ran.route == Some(RouteTaken::Partial);
    if asked == Asked::NativeOnly && partly {
        return part(&ran.command, builtin, text);
    }
    // What users see is what counts where the built-in could have been asked: notes too.
    let (verdict, masks) = on_one_vm(&ran.command, builtin, &ran.text);
    let verdict = match (verdict, ran.route) {
        (Verdict::Different, _) => Verdict::Different,
        (_, Some(RouteTaken::Passthrough)) => Verdict::Passthrough,
        (verdict, _) => verdict,
    };
    Judgement {
        masks,
        ..Judgement::from(verdict)
    }
}

fn noted(verdict: Verdict, note: String) -> Judgement {
    Judgement {
        note,
        ..Judgement::from(verdict)
    }
}

/// A part: lines of the built-in's answer in its order, and nothing else.
fn part(command: &str, builtin: [&str; 2], ours: &str) -> Judgement {
    if ours.is_empty() {
        return Verdict::Blocked.into();
    }
    let ours: Vec<&str> = ours.lines().collect();
    let hidden = |line: &str| mask::apply(line, command, "").0;
    let shows = |builtin: &str, other: &str| {
        let other: Vec<&str> = other.lines().collect();
        let mut left = builtin.lines().enumerate();
        ours.iter().all(|mine| {
            left.any(|(at, line)| {
                // Masks are for what the built-in itself does not say twice.
                let moves = other.get(at).is_none_or(|other| *other != line);
                line == *mine || moves && hidden(line) == hidden(mine)
            })
        })
    };
    let [a, b] = builtin;
    if !shows(a, b) && !shows(b, a) {
        return Verdict::Different.into();
    }
    Judgement {
        part: Some(Part {
            lines: ours.len(),
            of: a.lines().count(),
        }),
        ..Judgement::from(Verdict::Partial)
    }
}

/// Compares an answer with the built-in's two, which came before and after it.
fn on_one_vm(command: &str, builtin: [&str; 2], ours: &str) -> (Verdict, Vec<&'static str>) {
    let [a, b] = builtin;
    if ours == a || ours == b {
        return (Verdict::Identical, Vec::new());
    }
    if a == b {
        return (Verdict::Different, Vec::new());
    }
    if let Some(masks) = masked(command, builtin, ours) {
        return (Verdict::Masked, masks);
    }
    let volatile = mask::VOLATILE.iter().any(|(name, _)| *name == command);
    let shapes = [a, b].map(mask::shape);
    if volatile && shapes.contains(&mask::shape(ours)) {
        return (Verdict::Volatile, Vec::new());
    }
    (Verdict::Different, Vec::new())
}

/// The masks that cover the lines which the built-in itself has different; none where they do not.
fn masked(command: &str, builtin: [&str; 2], ours: &str) -> Option<Vec<&'static str>> {
    let [a, b] = builtin.map(|text| text.split_inclusive('\n').collect::<Vec<_>>());
    let ours: Vec<&str> = ours.split_inclusive('\n').collect();
    if a.len() != b.len() || a.len() != ours.len() {
        return None;
    }
    let mut masks = Vec::new();
    for (mine, (a, b)) in ours.iter().zip(a.iter().zip(&b)) {
        if mine == a || mine == b {
            continue;
        }
        let (hidden, used) = mask::apply(a, command, "");
        if a == b || hidden != mask::apply(mine, command, "").0 {
            return None;
        }
        masks.extend(used);
    }
    masks.sort_unstable();
    masks.dedup();
    Some(masks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Refusal;

    fn ran(command: &str, text: &str) -> Ran {
        Ran {
            command: command.into(),
            route: Some(RouteTaken::Native),
            text: text.into(),
            ..Ran::default()
        }
    }

    fn verdict(command: &str, builtin: [&str; 2], ours: &str) -> Verdict {
        judge(&ran(command, ours), Asked::NativeOnly, builtin).verdict
    }

    #[test]
    fn a_planted_fault_is_found_where_the_built_in_says_the_same_twice() {
        let cpus = "* CPU #0: thread_id=1234\n";
        assert_eq!(verdict("info cpus", [cpus, cpus], cpus), Verdict::Identical);
        let wrong = "* CPU #0: thread_id=4321\n";
        assert_eq!(
            verdict("info cpus", [cpus, cpus], wrong),
            Verdict::Different
        );
        let jit = "TB count 1\n";
        assert_eq!(
            verdict("info jit", [jit, jit], "TB count 2\n"),
            Verdict::Different
        );
    }

    #[test]
    fn masks_are_for_lines_that_the_built_in_does_not_say_twice() {
        let a = "x\nidle_time_ns=10\n";
        let b = "x\nidle_time_ns=30\n";
        let of = |ours| verdict("info blockstats", [a, b], ours);
        assert_eq!(of(b), Verdict::Identical);
        assert_eq!(of("x\nidle_time_ns=20\n"), Verdict::Masked);
        assert_eq!(of("y\nidle_time_ns=20\n"), Verdict::Different);
        assert_eq!(of("x\nidle_time_ms=20\n"), Verdict::Different);
        assert_eq!(of("x\nidle_time_ns=20\nz\n"), Verdict::Different);
        assert_eq!(
            verdict("info jit", ["n 1\n", "n 2\n"], "n 3\n"),
            Verdict::Volatile
        );
    }

    #[test]
    fn a_part_adds_and_changes_nothing() {
        let builtin = "a\nb\nc\n";
        let of = |text: &str| {
            let part = Ran {
                notes: vec!["no more".into()],
                ..ran("info x", &format!("{text}note: no more\n"))
            };
            judge(&part, Asked::NativeOnly, [builtin, builtin])
        };
        let shown = of("a\nc\n");
        assert_eq!(shown.verdict, Verdict::Partial);
        assert_eq!(shown.part, Some(Part { lines: 2, of: 3 }));
        assert_eq!(of("").verdict, Verdict::Blocked);
        for wrong in ["c\na\n", "a\nd\n", "a\na\n", "A\n"] {
            assert_eq!(of(wrong).verdict, Verdict::Different, "{wrong:?}");
        }
    }

    #[test]
    fn what_users_see_by_default_is_the_built_ins_answer_whatever_the_route() {
        let of = |route, refusal, text: &str| {
            let ran = Ran {
                route: Some(route),
                refusal,
                ..ran("info x", text)
            };
            judge(&ran, Asked::Default, ["a\n", "a\n"]).verdict
        };
        assert_eq!(
            of(RouteTaken::Passthrough, None, "a\n"),
            Verdict::Passthrough
        );
        assert_eq!(of(RouteTaken::Passthrough, None, "b\n"), Verdict::Different);
        let blocked = Some(Refusal::Blocked);
        assert_eq!(of(RouteTaken::Refused, blocked, "no\n"), Verdict::Different);
        let harm = Some(Refusal::Harm);
        assert_eq!(of(RouteTaken::Refused, harm, "no\n"), Verdict::Refused);
        let panicked = Ran {
            outcome: Outcome::Panicked("at 1".into()),
            ..ran("info x", "a\n")
        };
        let judged = judge(&panicked, Asked::Default, ["a\n", "a\n"]);
        assert_eq!(judged.verdict, Verdict::Different);
        assert!(judged.note.contains("at 1"));
    }
}
