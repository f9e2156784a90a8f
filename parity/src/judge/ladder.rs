// SPDX-License-Identifier: GPL-2.0-or-later
//! The ladder: how what our side did, what the built-in printed and how both compare become one
//! verdict. Live runs, recordings and the program `hmp` all climb it.

use super::compare::{self, Compared, Expected};
use super::entry::{Entry, Kind};
use super::ran::{Outcome, Ran, Refusal, RouteTaken};
use super::verdict::Verdict;

/// The verdict where no comparison matters; none where the answers are to be compared.
#[must_use]
pub fn settled(ran: &Ran) -> Option<Verdict> {
    match (&ran.outcome, ran.refusal, ran.route) {
        (_, Some(Refusal::Harm), _) => Some(Verdict::Refused),
        (Outcome::Lost(_) | Outcome::Panicked(_), ..) => Some(Verdict::Different),
        (_, Some(Refusal::ToConvert), _) => Some(Verdict::Pending),
        (_, Some(Refusal::Blocked), _) => Some(Verdict::Blocked),
        (_, None | Some(Refusal::Unavailable), _) => None,
    }
}

/// Compares what our side printed with what the built-in did: all of it, or, where ours says that
/// it lacks something, the lines that it has.
#[must_use]
pub fn compare(ran: &Ran, expected: Expected<'_>) -> Compared {
    match is_part(ran) {
        true => compare::part(&ran.command, expected, &ran.text),
        false => compare::whole(&ran.command, expected, &ran.text),
    }
}

fn is_part(ran: &Ran) -> bool {
    ran.route == Some(RouteTaken::Partial) || !ran.notes.is_empty()
}

/// The verdict, where the answers compare as `compared` says. An answer with notes is a part even
/// where it has all lines; one that has none of them is a refusal.
#[must_use]
pub fn verdict(ran: &Ran, compared: &Compared) -> Verdict {
    if let Some(verdict) = settled(ran) {
        return verdict;
    }
    let part = compared.part;
    match compared.verdict {
        Verdict::Different => Verdict::Different,
        _ if is_part(ran) && part.shown == 0 && part.of > 0 => Verdict::Blocked,
        _ if !ran.notes.is_empty() => Verdict::Partial,
        _ if ran.route == Some(RouteTaken::Passthrough) => Verdict::Passthrough,
        verdict => verdict,
    }
}

/// Writes into `entry`, which has the built-in's answer already, what our side did.
pub fn take(entry: &mut Entry, ran: &Ran) {
    entry.command.clone_from(&ran.command);
    entry.ours.clone_from(&ran.text);
    entry.route = ran.route;
    entry.risk = ran.risk;
    entry.notes.clone_from(&ran.notes);
    entry.kind = Some(match (ran.failed, ran.text.is_empty()) {
        (true, _) => Kind::Error,
        (false, true) => Kind::Silent,
        (false, false) => Kind::Output,
    });
    match &ran.outcome {
        Outcome::Answered => {}
        Outcome::Lost(why) => entry.note.clone_from(why),
        Outcome::Panicked(text) => entry.note = format!("the command panicked: {text}"),
    }
}

/// Writes the verdict of a comparison into `entry`, and what made it.
pub fn judge(entry: &mut Entry, ran: &Ran, compared: Compared) {
    entry.verdict = verdict(ran, &compared);
    match entry.verdict {
        Verdict::Different => entry.show(compared.differences),
        Verdict::Partial => entry.part = Some(compared.part),
        _ => {}
    }
    if settled(ran).is_none() {
        entry.masks = compared.masks.into_iter().map(str::to_owned).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::compare::Part;

    fn ran(route: RouteTaken, refusal: Option<Refusal>) -> Ran {
        Ran {
            command: "info x".into(),
            route: Some(route),
            refusal,
            ..Ran::default()
        }
    }

    fn on(ran: &Ran, builtin: &str) -> Verdict {
        verdict(ran, &compare(ran, Expected::same(builtin)))
    }

    #[test]
    fn a_reason_of_our_side_counts_before_what_was_printed() {
        let derived = RouteTaken::Derived;
        assert_eq!(on(&ran(derived, None), ""), Verdict::Identical);
        let refused = |refusal| ran(RouteTaken::Refused, Some(refusal));
        assert_eq!(on(&refused(Refusal::Blocked), ""), Verdict::Blocked);
        assert_eq!(on(&refused(Refusal::ToConvert), ""), Verdict::Pending);
        assert_eq!(on(&ran(derived, Some(Refusal::Harm)), ""), Verdict::Refused);
        let passed = ran(RouteTaken::Passthrough, None);
        assert_eq!(on(&passed, ""), Verdict::Passthrough);
        assert_eq!(on(&passed, "more\n"), Verdict::Different);
        // A register that QMP does not show: the line has no route.
        let unread = Ran {
            route: None,
            ..ran(derived, Some(Refusal::Blocked))
        };
        assert_eq!(on(&unread, ""), Verdict::Blocked);
    }

    #[test]
    fn a_part_shows_some_lines_and_invents_none() {
        let part = |text: &str| Ran {
            notes: vec!["no b".into()],
            text: text.into(),
            ..ran(RouteTaken::Partial, None)
        };
        assert_eq!(on(&part("a\n"), "a\nb\n"), Verdict::Partial);
        assert_eq!(on(&part("a\nb\n"), "a\nb\n"), Verdict::Partial);
        assert_eq!(on(&part("b\na\n"), "a\nb\n"), Verdict::Different);
        assert_eq!(on(&part("A\n"), "a\nb\n"), Verdict::Different);
        // Notes alone are a refusal, unless there is nothing to be shown.
        assert_eq!(on(&part(""), "a\nb\n"), Verdict::Blocked);
        assert_eq!(on(&part(""), ""), Verdict::Partial);
        let mut entry = crate::judge::sample::entry("10.0-x86_64", "x", "x", Verdict::NotRun);
        let shown = part("a\n");
        take(&mut entry, &shown);
        judge(
            &mut entry,
            &shown,
            compare(&shown, Expected::same("a\nb\n")),
        );
        assert_eq!(entry.part, Some(Part { shown: 1, of: 2 }));
        assert_eq!(entry.kind, Some(Kind::Output));
    }

    #[test]
    fn a_line_without_an_answer_is_different() {
        for outcome in [
            Outcome::Lost("gone".into()),
            Outcome::Panicked("at 1".into()),
        ] {
            let lost = Ran {
                outcome,
                ..ran(RouteTaken::Partial, None)
            };
            assert_eq!(on(&lost, ""), Verdict::Different);
        }
    }
}
