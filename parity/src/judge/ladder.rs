// SPDX-License-Identifier: GPL-2.0-or-later
//! The ladder: how what our side did, what the built-in printed and how both compare become one
//! verdict. Live runs, recordings and the program `hmp` all climb it.

use super::entry::Entry;
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
        (_, None, Some(RouteTaken::Passthrough)) => Some(Verdict::Passthrough),
        (_, None, _) => None,
    }
}

/// The verdict, where answers and effects compare as `compared` says.
#[must_use]
pub fn verdict(ran: &Ran, compared: Verdict) -> Verdict {
    settled(ran).unwrap_or(match ran.route {
        Some(RouteTaken::Partial) => Verdict::Partial,
        _ => compared,
    })
}

/// Writes into `entry`, which has the built-in's answer already, what our side did.
pub fn take(entry: &mut Entry, ran: &Ran) {
    entry.command.clone_from(&ran.command);
    entry.ours.clone_from(&ran.text);
    entry.route = ran.route;
    entry.notes.clone_from(&ran.notes);
    match &ran.outcome {
        Outcome::Answered => {}
        Outcome::Lost(why) => entry.note.clone_from(why),
        Outcome::Panicked(text) => entry.note = format!("the command panicked: {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(route: RouteTaken, refusal: Option<Refusal>) -> Ran {
        Ran {
            command: "info x".into(),
            route: Some(route),
            refusal,
            ..Ran::default()
        }
    }

    #[test]
    fn a_reason_of_our_side_counts_before_what_was_printed() {
        let on = |ran: &Ran| verdict(ran, Verdict::Identical);
        let derived = RouteTaken::Derived;
        assert_eq!(on(&ran(derived, None)), Verdict::Identical);
        assert_eq!(
            on(&ran(RouteTaken::Refused, Some(Refusal::Blocked))),
            Verdict::Blocked
        );
        assert_eq!(
            on(&ran(RouteTaken::Refused, Some(Refusal::ToConvert))),
            Verdict::Pending
        );
        assert_eq!(on(&ran(derived, Some(Refusal::Harm))), Verdict::Refused);
        assert_eq!(
            on(&ran(RouteTaken::Passthrough, None)),
            Verdict::Passthrough
        );
        assert_eq!(on(&ran(RouteTaken::Partial, None)), Verdict::Partial);
        // A register that QMP does not show: the line has no route.
        let unread = Ran {
            route: None,
            ..ran(derived, Some(Refusal::Blocked))
        };
        assert_eq!(on(&unread), Verdict::Blocked);
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
            assert_eq!(verdict(&lost, Verdict::Identical), Verdict::Different);
        }
    }
}
