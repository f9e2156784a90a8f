// SPDX-License-Identifier: GPL-2.0-or-later
//! The verdict on a line in one mode, between the two answers of the same VM's built-in.

use hmp_engine::engine::shown_notes;

use super::answer::Asked;
use crate::judge::compare::{self, Compared, Expected};
use crate::judge::{Outcome, Ran, Refusal, RouteTaken, Verdict, ladder};

/// Judges what our side did; the comparison is there where answers were compared.
///
/// Without the built-in, an answer may be a part or a refusal, see [`ladder`]. By default what
/// users see must be the built-in's answer, by whatever route.
#[must_use]
pub fn judge(ran: &Ran, asked: Asked, builtin: [&str; 2]) -> (Verdict, Option<Compared>) {
    let [first, again] = builtin;
    let expected = Expected::Same { first, again };
    let settled = ladder::settled(ran);
    let answered = ran.outcome == Outcome::Answered;
    match (asked, settled) {
        (Asked::NativeOnly, Some(verdict)) => (verdict, None),
        (Asked::Default, Some(verdict)) if verdict == Verdict::Refused || !answered => {
            (verdict, None)
        }
        // One VM has no line where the built-in itself refuses so.
        (Asked::NativeOnly, None) if ran.refusal == Some(Refusal::Unavailable) => {
            (Verdict::Blocked, None)
        }
        (Asked::NativeOnly, None) => {
            let compared = ladder::compare(ran, expected);
            (ladder::verdict(ran, &compared), Some(compared))
        }
        (Asked::Default, _) => {
            let shown = ran.text.clone() + &shown_notes(&ran.notes);
            let compared = compare::whole(&ran.command, expected, &shown);
            let verdict = match (compared.verdict, ran.route) {
                (Verdict::Different, _) => Verdict::Different,
                (_, Some(RouteTaken::Passthrough)) => Verdict::Passthrough,
                (verdict, _) => verdict,
            };
            (verdict, Some(compared))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(command: &str, text: &str) -> Ran {
        Ran {
            command: command.into(),
            route: Some(RouteTaken::Native),
            text: text.into(),
            ..Ran::default()
        }
    }

    #[test]
    fn a_planted_fault_is_found_where_the_built_in_says_the_same_twice() {
        for asked in Asked::ALL {
            let of = |command, builtin, ours| {
                let builtin: &str = builtin;
                judge(&ran(command, ours), asked, [builtin, builtin]).0
            };
            let cpus = "* CPU #0: thread_id=1234\n";
            assert_eq!(of("info cpus", cpus, cpus), Verdict::Identical);
            let wrong = "* CPU #0: thread_id=4321\n";
            assert_eq!(of("info cpus", cpus, wrong), Verdict::Different);
            let jit = "TB count 1\n";
            assert_eq!(of("info jit", jit, "TB count 2\n"), Verdict::Different);
        }
    }

    #[test]
    fn masks_are_for_lines_that_the_built_in_does_not_say_twice() {
        let builtin = ["x\nidle_time_ns=10\n", "x\nidle_time_ns=30\n"];
        for asked in Asked::ALL {
            let of = |ours| judge(&ran("info blockstats", ours), asked, builtin).0;
            assert_eq!(of(builtin[1]), Verdict::Identical);
            assert_eq!(of("x\nidle_time_ns=20\n"), Verdict::Masked);
            assert_eq!(of("y\nidle_time_ns=20\n"), Verdict::Different);
        }
    }

    #[test]
    fn a_part_is_one_without_the_built_in_only() {
        let part = Ran {
            notes: vec!["no more".into()],
            ..ran("info x", "a\nc\n")
        };
        let of = |asked| judge(&part, asked, ["a\nb\nc\n"; 2]).0;
        assert_eq!(of(Asked::NativeOnly), Verdict::Partial);
        assert_eq!(of(Asked::Default), Verdict::Different);
        let whole = Ran {
            text: "a\nb\nc\n".into(),
            ..part.clone()
        };
        let noted = judge(&whole, Asked::Default, ["a\nb\nc\n"; 2]).0;
        assert_eq!(noted, Verdict::Different);
    }

    #[test]
    fn what_users_see_by_default_is_the_built_ins_answer_whatever_the_route() {
        let of = |route, refusal, text: &str| {
            let ran = Ran {
                route: Some(route),
                refusal,
                ..ran("info x", text)
            };
            judge(&ran, Asked::Default, ["a\n"; 2]).0
        };
        let passed = RouteTaken::Passthrough;
        assert_eq!(of(passed, None, "a\n"), Verdict::Passthrough);
        assert_eq!(of(passed, None, "b\n"), Verdict::Different);
        let refused = RouteTaken::Refused;
        let blocked = Some(Refusal::Blocked);
        assert_eq!(of(refused, blocked, "no\n"), Verdict::Different);
        assert_eq!(of(refused, Some(Refusal::Harm), "no\n"), Verdict::Refused);
        let unavailable = Some(Refusal::Unavailable);
        let shown = of(RouteTaken::Native, unavailable, "no\n");
        assert_eq!(shown, Verdict::Different);
        let unavailable = Ran {
            refusal: unavailable,
            ..ran("info x", "no\n")
        };
        let native = judge(&unavailable, Asked::NativeOnly, ["a\n"; 2]).0;
        assert_eq!(native, Verdict::Blocked);
        let panicked = Ran {
            outcome: Outcome::Panicked("at 1".into()),
            ..ran("info x", "a\n")
        };
        assert_eq!(
            judge(&panicked, Asked::Default, ["a\n"; 2]).0,
            Verdict::Different
        );
    }
}
