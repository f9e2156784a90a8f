//! Verdicts: what two answers to one line are worth.

use serde::{Deserialize, Serialize};
use similar::{ChangeTag, TextDiff};

use crate::judge::mask;

/// The verdict on one line, best first. A total is as good as its worst line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Byte for byte alike, and where nothing is printed, the same effect.
    Identical,
    /// Alike behind the masks.
    Masked,
    /// Different each time by nature; the shape is alike.
    Volatile,
    /// Different as `known.toml` says it is.
    Known,
    /// Answered by the built-in monitor through passthrough: nothing of ours was tried.
    Passthrough,
    /// Part of the answer, by design.
    Partial,
    /// QMP has no interface for it.
    Blocked,
    /// Not run because it would harm this QEMU.
    Refused,
    /// Ours to convert.
    Pending,
    /// Not run.
    NotRun,
    /// Different.
    Different,
}

impl Verdict {
    /// All of them, best first.
    pub const ALL: [Self; 11] = [
        Self::Identical,
        Self::Masked,
        Self::Volatile,
        Self::Known,
        Self::Passthrough,
        Self::Partial,
        Self::Blocked,
        Self::Refused,
        Self::Pending,
        Self::NotRun,
        Self::Different,
    ];

    /// The word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::Masked => "masked",
            Self::Volatile => "volatile",
            Self::Known => "known",
            Self::Passthrough => "passthrough",
            Self::Partial => "partial",
            Self::Blocked => "blocked",
            Self::Refused => "refused",
            Self::Pending => "pending",
            Self::NotRun => "not-run",
            Self::Different => "different",
        }
    }

    /// Whether our own code gave the built-in's answer.
    #[must_use]
    pub fn passes(self) -> bool {
        matches!(self, Self::Identical | Self::Masked | Self::Volatile)
    }
}

/// Whether our answer says that QMP has no way to do this, which some commands find out only when they look at their
/// arguments. Nothing was done then.
#[must_use]
pub fn is_blocked(command: &str, ours: &str) -> bool {
    let rest = ours.strip_prefix(command);
    rest.is_some_and(|rest| !command.is_empty() && rest.starts_with(": blocked: "))
}

/// The route that a line really took: what the plan promised is less where the answer says so.
#[must_use]
pub fn route_taken<'a>(planned: &'a str, command: &str, answers: (&str, &str)) -> &'a str {
    let (builtin, ours) = answers;
    match planned {
        _ if is_blocked(command, ours) => "refused",
        "derived" if is_part(builtin, ours) => "partial",
        _ => planned,
    }
}

/// Compares two answers to a line of `command`. Returns the verdict, [`Verdict::Different`] at worst, and the masks used.
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

/// Whether our answer says of itself, in a last line that the built-in has not, that it is only a part.
#[must_use]
pub fn is_part(builtin: &str, ours: &str) -> bool {
    let last = ours.lines().next_back().unwrap_or_default();
    last.starts_with("note: ") && builtin.lines().next_back() != Some(last)
}

/// In how many lines a partial answer of `command` and the built-in's differ, its own note aside: what it leaves out, and
/// what it shows otherwise.
#[must_use]
pub fn lines_apart(command: &str, builtin: &str, ours: &str) -> usize {
    let (builtin, _) = mask::apply(builtin, command, "");
    let (ours, _) = mask::apply(ours, command, "");
    let builtin: Vec<&str> = builtin.lines().collect();
    let mut ours: Vec<&str> = ours.lines().collect();
    if ours.last().is_some_and(|last| last.starts_with("note: ")) && ours.last() != builtin.last() {
        ours.pop();
    }
    let diff = TextDiff::from_slices(&builtin, &ours);
    let changes = diff.iter_all_changes();
    changes.filter(|c| c.tag() != ChangeTag::Equal).count()
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
    fn the_order_is_from_best_to_worst() {
        assert!(Verdict::ALL.is_sorted());
        assert_eq!(Verdict::ALL.iter().filter(|v| v.passes()).count(), 3);
    }

    #[test]
    fn a_part_is_as_good_as_the_lines_it_shows() {
        let apart = |ours| lines_apart("info name", "a\nb\nc\n", ours);
        assert_eq!(apart("a\nb\nc\n"), 0);
        assert_eq!(apart("a\nc\nnote: no b\n"), 1);
        assert_eq!(apart("a\nB\nc\nnote: no b\n"), 2);
        assert_eq!(apart("note: nothing\n"), 3);
    }

    #[test]
    fn a_note_marks_a_part() {
        assert!(is_part("a\nb\n", "a\nnote: QMP does not show b\n"));
        assert!(!is_part("note: x\n", "note: x\n"));
        assert!(!is_part("a\n", "note: x\na\n"));
        assert!(!is_part("", ""));
    }

    #[test]
    fn an_answer_can_be_less_than_the_plan() {
        let taken = |planned, ours| route_taken(planned, "drive_del", ("a\nb\n", ours)).to_owned();
        assert_eq!(
            taken("partial", "drive_del: blocked: no command\n"),
            "refused"
        );
        assert_eq!(
            taken("derived", "a\nnote: QMP does not show b\n"),
            "partial"
        );
        assert_eq!(taken("derived", "a\nb\n"), "derived");
        assert_eq!(taken("native", "stop: blocked: no command\n"), "native");
        assert_eq!(route_taken("local", "", ("", ": blocked: x\n")), "local");
    }
}
