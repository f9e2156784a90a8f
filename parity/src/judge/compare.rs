// SPDX-License-Identifier: GPL-2.0-or-later
//! Compares two answers to a line.
//!
//! Masks are for what differs by nature: between two VMs, or where the built-in's own two answers
//! on one VM differ. Elsewhere every byte counts.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use similar::{DiffTag, TextDiff};

use super::blocks;
use super::mask::{self, Masked};
use super::verdict::Verdict;

/// What the built-in answered.
#[derive(Clone, Copy, Debug)]
pub enum Expected<'a> {
    /// On our VM, where it was asked twice.
    Same {
        /// What it answered.
        first: &'a str,
        /// What it answered again.
        again: &'a str,
    },
    /// On another VM, which was started and treated alike.
    Other {
        /// The answer.
        answer: &'a str,
        /// The directory of that VM; empty where answers show none.
        dir: &'a str,
        /// The directory of ours.
        our_dir: &'a str,
    },
}

impl<'a> Expected<'a> {
    /// What the built-in of our VM answered, and answers whenever it is asked.
    #[must_use]
    pub fn same(answer: &'a str) -> Self {
        Self::Same {
            first: answer,
            again: answer,
        }
    }
}

/// What a comparison comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// [`Verdict::Identical`], `Masked`, `Volatile`, `Partial` where a part was asked for and lines
    /// are missing, or `Different`.
    pub verdict: Verdict,
    /// The masks that made the answers alike.
    pub masks: Vec<&'static str>,
    /// How many of the built-in's lines there are, and how many of them ours has.
    pub part: Part,
    /// The lines that made the difference, as they were compared.
    pub differences: Vec<(Side, String)>,
    /// Whether answers that are different would be alike behind masks, which do not apply here.
    pub masks_would_do: bool,
}

/// How much of an answer is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The lines of the built-in that ours has.
    pub shown: usize,
    /// All lines of the built-in.
    pub of: usize,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.shown, self.of)
    }
}

/// Whose line it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The built-in's.
    Builtin,
    /// Ours.
    Ours,
}

/// Differences as reports show them: behind `-` the built-in's lines, behind `+` ours.
#[must_use]
pub fn marked(differences: Vec<(Side, String)>) -> Vec<String> {
    let mark = |side| match side {
        Side::Builtin => '-',
        Side::Ours => '+',
    };
    let differences = differences.into_iter();
    differences
        .map(|(side, line)| format!("{}{line}", mark(side)))
        .collect()
}

/// Compares an answer to a line of `command` that is to be whole.
#[must_use]
pub fn whole(command: &str, expected: Expected<'_>, ours: &str) -> Compared {
    Comparison::new(command, expected, ours).whole()
}

/// Compares an answer to a line of `command` that may leave lines out, but adds and changes none.
/// Blocks whose order says nothing may come in any.
#[must_use]
pub fn part(command: &str, expected: Expected<'_>, ours: &str) -> Compared {
    let builtin = match expected {
        Expected::Same { first, .. } => first,
        Expected::Other { answer, .. } => answer,
    };
    let ours = blocks::as_in(command, builtin, ours);
    Comparison::new(command, expected, &ours).part()
}

/// A line of the built-in's answer.
struct Line {
    /// As it was first, and as it was again where it differs.
    exact: String,
    again: Option<String>,
    /// Behind the masks.
    hidden: String,
    /// Whether the masks apply to it.
    varies: bool,
}

/// A line of ours.
struct Our {
    exact: String,
    masked: String,
}

/// How two lines are alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Alike {
    Exactly,
    Masked,
    Volatile,
}

struct Comparison {
    builtin: Vec<Line>,
    ours: Vec<Our>,
    masks: Vec<&'static str>,
    volatile: bool,
    /// Whether both answers lost their help sentences.
    sentences: bool,
}

impl Comparison {
    fn new(command: &str, expected: Expected<'_>, ours: &str) -> Self {
        let (first, again, dirs) = match expected {
            Expected::Same { first, again } => (first, Some(again), None),
            Expected::Other {
                answer,
                dir,
                our_dir,
            } => (answer, None, Some((dir, our_dir))),
        };
        // Both directories are the case's: where one VM shows its own, the other must too.
        let first = match dirs {
            Some((dir, our_dir)) if !dir.is_empty() => first.replace(dir, our_dir).into(),
            _ => Cow::Borrowed(first),
        };
        let (first, mut sentences) = mask::without_sentences(&first, command);
        let again = again.map(|again| mask::without_sentences(again, command).0);
        let (ours, more) = mask::without_sentences(ours, command);
        sentences |= more;
        // Where ours is exactly one of the two answers, which parts of them vary is no matter.
        let (first, again) = match again {
            Some(again) if again == ours => (again, Some(first)),
            again => (first, again),
        };
        let hidden = mask::apply(&first, command);
        let our_hidden = mask::apply(&ours, command);
        let varying = match &again {
            Some(again) => varying(&first, again),
            None => lines(&first).map(|_| Some(None)).collect(),
        };
        let builtin =
            lines(&first)
                .zip(lines(&hidden.text))
                .zip(varying)
                .map(|((exact, masked), varies)| Line {
                    exact: exact.to_owned(),
                    hidden: masked.to_owned(),
                    varies: varies.is_some(),
                    again: varies.flatten(),
                });
        let builtin = builtin.collect();
        let lines_of_ours = lines(&ours).zip(lines(&our_hidden.text));
        let ours = lines_of_ours.map(|(exact, masked)| Our {
            exact: exact.to_owned(),
            masked: masked.to_owned(),
        });
        Self {
            ours: ours.collect(),
            builtin,
            masks: used(&hidden, &our_hidden),
            volatile: mask::VOLATILE.iter().any(|(name, _)| *name == command),
            sentences,
        }
    }

    fn alike(&self, line: &Line, our: &Our) -> Option<Alike> {
        if our.exact == line.exact || line.again.as_ref() == Some(&our.exact) {
            return Some(Alike::Exactly);
        }
        let masked = line.varies.then_some(&line.hidden)?;
        if *masked == our.masked {
            return Some(Alike::Masked);
        }
        let same_shape = || mask::shape(masked) == mask::shape(&our.masked);
        (self.volatile && same_shape()).then_some(Alike::Volatile)
    }

    fn whole(self) -> Compared {
        let mut pairs = self.builtin.iter().zip(&self.ours);
        let worst = pairs.try_fold(Alike::Exactly, |worst, (line, our)| {
            Some(worst.max(self.alike(line, our)?))
        });
        let part = Part {
            shown: self.shown().0,
            of: self.builtin.len(),
        };
        match worst {
            Some(worst) if self.builtin.len() == self.ours.len() => self.passed(worst, part),
            _ => self.different(part, false),
        }
    }

    fn part(self) -> Compared {
        let (shown, foreign, worst) = self.shown();
        let part = Part {
            shown,
            of: self.builtin.len(),
        };
        if foreign {
            return self.different(part, true);
        }
        let mut compared = self.passed(worst, part);
        if part.shown < part.of {
            compared.verdict = Verdict::Partial;
        }
        compared
    }

    /// How many lines of the built-in ours has, in their order; whether ours has others; and how
    /// alike they are.
    fn shown(&self) -> (usize, bool, Alike) {
        let (mut at, mut shown, mut worst) = (0, 0, Alike::Exactly);
        let mut foreign = false;
        for our in &self.ours {
            let mut rest = self.builtin[at..].iter();
            let found = rest.position(|line| {
                let alike = self.alike(line, our);
                worst = alike.map_or(worst, |alike| worst.max(alike));
                alike.is_some()
            });
            match found {
                Some(skipped) => (at, shown) = (at + skipped + 1, shown + 1),
                None => foreign = true,
            }
        }
        (shown, foreign, worst)
    }

    fn passed(self, worst: Alike, part: Part) -> Compared {
        let (verdict, mut masks) = match worst {
            Alike::Exactly if self.sentences => (Verdict::Masked, Vec::new()),
            Alike::Exactly => (Verdict::Identical, Vec::new()),
            Alike::Masked => (Verdict::Masked, self.masks),
            Alike::Volatile => (Verdict::Volatile, self.masks),
        };
        if self.sentences {
            masks.push(mask::SENTENCES);
        }
        Compared {
            verdict,
            masks,
            part,
            differences: Vec::new(),
            masks_would_do: false,
        }
    }

    /// The lines that only one side has; of a part, those of the built-in only where ours has
    /// something else in their place.
    fn different(self, part: Part, is_part: bool) -> Compared {
        let in_step = self.builtin.len() == self.ours.len();
        let all_masked = self.builtin.iter().all(|line| line.varies);
        let builtin: Vec<&str> = self
            .builtin
            .iter()
            .map(|line| match line.varies {
                true => line.hidden.as_str(),
                false => line.exact.as_str(),
            })
            .collect();
        let ours: Vec<&str> = self
            .ours
            .iter()
            .enumerate()
            .map(|(at, our)| {
                let is_masked = in_step && self.builtin[at].varies;
                match all_masked || is_masked {
                    true => our.masked.as_str(),
                    false => our.exact.as_str(),
                }
            })
            .collect();
        let diff = TextDiff::from_slices(&builtin, &ours);
        let mut differences = Vec::new();
        for op in diff.ops() {
            let (old, new) = (op.old_range(), op.new_range());
            if op.tag() == DiffTag::Equal || is_part && op.tag() == DiffTag::Delete {
                continue;
            }
            let of = |side, lines: &[&str]| -> Vec<(Side, String)> {
                lines.iter().map(|&line| (side, line.to_owned())).collect()
            };
            differences.extend(of(Side::Builtin, &builtin[old]));
            differences.extend(of(Side::Ours, &ours[new]));
        }
        let mut rest = self.builtin.iter();
        let has_it = |our: &Our| rest.any(|line| our.masked == line.hidden);
        let masks_would_do = self.ours.iter().all(has_it) && (is_part || in_step);
        Compared {
            verdict: Verdict::Different,
            masks: Vec::new(),
            part,
            differences,
            masks_would_do,
        }
    }
}

fn used(builtin: &Masked, ours: &Masked) -> Vec<&'static str> {
    let mut used: Vec<_> = builtin.used.iter().chain(&ours.used).copied().collect();
    used.sort_unstable();
    used.dedup();
    used
}

/// Lines with their ends, so that a missing end is a difference.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n')
}

/// For each line of `first`, whether it is another one in `again`, and which one where that is
/// clear.
fn varying(first: &str, again: &str) -> Vec<Option<Option<String>>> {
    let (a, b): (Vec<_>, Vec<_>) = (lines(first).collect(), lines(again).collect());
    let mut found = vec![None; a.len()];
    if a.len() == b.len() {
        for (at, (a, b)) in a.iter().zip(&b).enumerate() {
            found[at] = (a != b).then(|| Some((*b).to_owned()));
        }
        return found;
    }
    for op in TextDiff::from_slices(&a, &b).ops() {
        if op.tag() != DiffTag::Equal {
            found[op.old_range()].fill(Some(None));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_vms(command: &str, builtin: &str, ours: &str) -> Compared {
        let expected = Expected::Other {
            answer: builtin,
            dir: "/tmp/a",
            our_dir: "/tmp/b",
        };
        whole(command, expected, ours)
    }

    #[test]
    fn one_character_makes_a_difference() {
        let verdict = |ours| whole("info name", Expected::same("vm\n"), ours).verdict;
        assert_eq!(verdict("vm\n"), Verdict::Identical);
        assert_eq!(verdict("vm \n"), Verdict::Different);
        assert_eq!(verdict("vm"), Verdict::Different);
        assert_eq!(verdict("vm\nvm\n"), Verdict::Different);
    }

    #[test]
    fn masks_and_shapes_are_for_two_vms_and_for_their_commands() {
        let (a, b) = ("x thread_id=1234\n", "x thread_id=9999\n");
        let masked = two_vms("info cpus", a, b);
        assert_eq!(masked.verdict, Verdict::Masked);
        assert_eq!(masked.masks, ["thread-id"]);
        let verdict = |command, a, b| two_vms(command, a, b).verdict;
        assert_eq!(
            verdict("info cpus", a, "x thread_id=12\n"),
            Verdict::Different
        );
        assert_eq!(verdict("info jit", "n 1\n", "n 22\n"), Verdict::Volatile);
        assert_eq!(verdict("info name", "n 1\n", "n 22\n"), Verdict::Different);
        assert_eq!(
            verdict("info block", "at /tmp/a/d\n", "at /tmp/b/d\n"),
            Verdict::Identical
        );
    }

    #[test]
    fn on_one_vm_a_mask_hides_only_what_the_built_in_itself_changes() {
        let at = |first, again, ours| {
            let expected = Expected::Same { first, again };
            whole("info cpus", expected, ours).verdict
        };
        let line = "x thread_id=1234\n";
        assert_eq!(at(line, line, "x thread_id=9999\n"), Verdict::Different);
        let later = "x thread_id=1299\n";
        assert_eq!(at(line, later, later), Verdict::Identical);
        assert_eq!(at(line, later, "x thread_id=1250\n"), Verdict::Masked);
        // Only on the line that changes.
        let two = |n| format!("{line}y thread_id={n}\n");
        let ours = "x thread_id=1111\ny thread_id=7777\n";
        let (first, again) = (two(1000), two(1001));
        assert_eq!(at(&first, &again, ours), Verdict::Different);
        let more = format!("{line}new\n");
        assert_eq!(at(line, &more, &more), Verdict::Identical);
        assert_eq!(at(line, &more, "x thread_id=1111\n"), Verdict::Different);
    }

    #[test]
    fn registers_keep_their_digits_where_they_keep_still() {
        let still = whole("info registers", Expected::same("RAX=1\n"), "RAX=2\n");
        assert_eq!(still.verdict, Verdict::Different);
        let runs = Expected::Same {
            first: "RAX=1\nRBX=5\n",
            again: "RAX=3\nRBX=5\n",
        };
        assert_eq!(
            whole("info registers", runs, "RAX=2\nRBX=5\n").verdict,
            Verdict::Volatile
        );
        assert_eq!(
            whole("info registers", runs, "RAX=2\nRBX=6\n").verdict,
            Verdict::Different
        );
    }

    #[test]
    fn a_part_leaves_lines_out_and_does_nothing_else() {
        let all = Expected::same("a\nb\nc\n");
        let of = |ours| part("info name", all, ours);
        assert_eq!(of("a\nc\n").verdict, Verdict::Partial);
        assert_eq!(of("a\nc\n").part, Part { shown: 2, of: 3 });
        assert_eq!(of("a\nb\nc\n").verdict, Verdict::Identical);
        assert_eq!(of("").part, Part { shown: 0, of: 3 });
        for invented in ["a\nB\nc\n", "c\na\n", "a\na\n", "a\nb\nc\nd\n", "a\nb"] {
            assert_eq!(of(invented).verdict, Verdict::Different, "{invented:?}");
        }
        let changed = of("a\nB\n").differences;
        let changed: Vec<_> = changed.iter().map(|(s, t)| (*s, t.as_str())).collect();
        assert!(changed.contains(&(Side::Ours, "B\n")), "{changed:?}");
    }

    #[test]
    fn what_differs_is_shown_as_it_was_compared() {
        let (builtin, ours) = ("a -- x\n\tmore\nb -- y\n", "a -- z\nc -- y\n");
        let compared = whole("help", Expected::same(builtin), ours);
        let changes = compared.differences.iter();
        let changes: Vec<_> = changes.map(|(s, t)| (*s, t.as_str())).collect();
        let expected = vec![(Side::Builtin, "b -- ...\n"), (Side::Ours, "c -- ...\n")];
        assert_eq!(changes, expected);
        let ids = whole(
            "info cpus",
            Expected::same("t thread_id=1\n"),
            "t thread_id=2\n",
        );
        assert_eq!(
            ids.differences[1],
            (Side::Ours, "t thread_id=2\n".to_owned())
        );
    }
}
