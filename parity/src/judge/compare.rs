// SPDX-License-Identifier: GPL-2.0-or-later
//! Compares two answers to a line.

use similar::{ChangeTag, TextDiff};

use super::mask;
use super::verdict::Verdict;

/// Compares two answers to a line of `command`. Returns the verdict, [`Verdict::Different`] at
/// worst, and the masks used.
#[must_use]
pub fn answers(
    command: &str,
    builtin: (&str, &str),
    ours: (&str, &str),
) -> (Verdict, Vec<&'static str>) {
    if builtin.0 == ours.0 {
        return (Verdict::Identical, Vec::new());
    }
    let (a, mut used) = mask::apply(builtin.0, command, builtin.1);
    let (b, more) = mask::apply(ours.0, command, ours.1);
    if a == b {
        used.extend(more);
        used.sort_unstable();
        used.dedup();
        return (Verdict::Masked, used);
    }
    let volatile = mask::VOLATILE.iter().any(|(name, _)| *name == command);
    if volatile && mask::shape(&a) == mask::shape(&b) {
        return (Verdict::Volatile, used);
    }
    (Verdict::Different, Vec::new())
}

/// In how many lines a partial answer of `command` and the built-in's differ, its own notes aside:
/// what it leaves out, and what it shows otherwise.
#[must_use]
pub fn lines_apart(command: &str, builtin: &str, ours: &str, notes: &[String]) -> usize {
    let (builtin, _) = mask::apply(builtin, command, "");
    let (ours, _) = mask::apply(without_note(ours, notes), command, "");
    let builtin: Vec<&str> = builtin.lines().collect();
    let ours: Vec<&str> = ours.lines().collect();
    let diff = TextDiff::from_slices(&builtin, &ours);
    let changes = diff.iter_all_changes();
    changes.filter(|c| c.tag() != ChangeTag::Equal).count()
}

/// An answer without the lines of its notes at its end.
fn without_note<'a>(answer: &'a str, notes: &[String]) -> &'a str {
    let mut rest = answer;
    for note in notes.iter().rev() {
        let whole = rest.strip_suffix('\n').unwrap_or(rest);
        let start = whole.rfind('\n').map_or(0, |end| end + 1);
        if whole[start..].ends_with(note) {
            rest = &rest[..start];
        }
    }
    rest
}

/// Whose line it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The built-in's.
    Builtin,
    /// Ours.
    Ours,
}

/// The lines that only one of two answers has, with their line ends, as far as they are compared:
/// behind the masks of `command`, and without help sentences.
#[must_use]
pub fn differences(command: &str, builtin: &str, ours: &str) -> Vec<(Side, String)> {
    let (builtin, _) = mask::apply(builtin, command, "");
    let (ours, _) = mask::apply(ours, command, "");
    let diff = TextDiff::from_lines(&builtin, &ours);
    let changes = diff.iter_all_changes().filter_map(|change| {
        let side = match change.tag() {
            ChangeTag::Equal => return None,
            ChangeTag::Delete => Side::Builtin,
            ChangeTag::Insert => Side::Ours,
        };
        Some((side, change.value().to_owned()))
    });
    changes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(command: &str, builtin: &str, ours: &str) -> Verdict {
        answers(command, (builtin, "/tmp/a"), (ours, "/tmp/b")).0
    }

    #[test]
    fn one_character_makes_a_difference() {
        assert_eq!(verdict("info name", "vm\n", "vm\n"), Verdict::Identical);
        assert_eq!(verdict("info name", "vm\n", "vm \n"), Verdict::Different);
        assert_eq!(verdict("info name", "vm\n", "vm"), Verdict::Different);
    }

    #[test]
    fn masks_and_shapes_are_for_their_commands_only() {
        let (a, b) = ("x thread_id=1234\n", "x thread_id=9999\n");
        assert_eq!(verdict("info cpus", a, b), Verdict::Masked);
        assert_eq!(
            verdict("info cpus", a, "x thread_id=12\n"),
            Verdict::Different
        );
        assert_eq!(verdict("info jit", "n 1\n", "n 22\n"), Verdict::Volatile);
        assert_eq!(verdict("info name", "n 1\n", "n 22\n"), Verdict::Different);
        assert_eq!(
            verdict("info block", "at /tmp/a/d\n", "at /tmp/b/d\n"),
            Verdict::Masked
        );
    }

    #[test]
    fn a_part_is_as_good_as_the_lines_it_shows() {
        let apart = |ours: &str, notes: &[&str]| {
            let notes: Vec<_> = notes.iter().map(|&note| note.to_owned()).collect();
            lines_apart("info name", "a\nb\nc\n", ours, &notes)
        };
        assert_eq!(apart("a\nb\nc\n", &[]), 0);
        assert_eq!(apart("a\nc\n> no b\n", &["no b"]), 1);
        assert_eq!(apart("a\nB\nc\n> no b\n", &["no b"]), 2);
        assert_eq!(apart("> nothing\n", &["nothing"]), 3);
        assert_eq!(apart("a\nb\nc\n> x\n", &[]), 1);
    }

    #[test]
    fn what_differs_is_shown_without_what_is_not_compared() {
        let (builtin, ours) = ("a -- x\n\tmore\nb -- y\n", "a -- z\nc -- y\n");
        let changes = differences("help", builtin, ours);
        let expected = vec![(Side::Builtin, "b -- ...\n"), (Side::Ours, "c -- ...\n")];
        let changes: Vec<_> = changes.iter().map(|(s, t)| (*s, t.as_str())).collect();
        assert_eq!(changes, expected);
    }
}
