// SPDX-License-Identifier: GPL-2.0-or-later
//! The ratchet: what each line is worth, written down. What is gone, weaker, empty, new or better
//! than it says is a change, which fails until it is written down too.
//!
//! The file has a line for each line of the run, with columns between tabs: QEMU, case, line (a
//! JSON string), verdict, kind of answer (`-` for none), how many lines the built-in printed, or
//! of a part `shown/all`. Prefixes that TAB was pressed on have `TAB` for the case and the number of
//! words listed.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use hmp_engine::host::Risk;

use super::completed::Completed;
use super::entry::{Entry, Kind};
use super::verdict::Verdict;

/// What each line is worth.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    lines: BTreeMap<Key, Worth>,
}

/// A line of a case on a QEMU; a line that a case has several times is numbered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    qemu: String,
    case: String,
    line: String,
    time: usize,
}

/// What a line is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Worth {
    verdict: Verdict,
    kind: Option<Kind>,
    extent: Extent,
}

/// How long the built-in's answer is, and how much of it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    shown: usize,
    of: usize,
}

/// A line of the file that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("line {0} of the baseline can't be read")]
pub struct BaselineError(usize);

/// What changed against a baseline, a sentence each.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// What is gone, weaker or empty.
    pub worse: Vec<String>,
    /// What is new or better.
    pub better: Vec<String>,
}

impl Changes {
    /// Whether the run is as the baseline says.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.worse.is_empty() && self.better.is_empty()
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (word, sentences) in [("worse", &self.worse), ("better", &self.better)] {
            for sentence in sentences {
                writeln!(f, "{word}: {sentence}")?;
            }
        }
        Ok(())
    }
}

impl Baseline {
    /// The state of the lines that may have needed a permission, in a run that had it.
    #[must_use]
    pub fn of_permitted(entries: &[Entry]) -> Self {
        let mut this = Self::default();
        entries
            .iter()
            .filter(|entry| entry.risk > Risk::Safe)
            .for_each(|entry| this.add_entry(entry));
        this
    }

    /// The state that a run found.
    #[must_use]
    pub fn of(entries: &[Entry], completions: &[Completed]) -> Self {
        let mut this = Self::default();
        entries.iter().for_each(|entry| this.add_entry(entry));
        for completed in completions {
            let words = completed.builtin.iter().map(|tab| tab.list.len()).sum();
            let worth = Worth {
                verdict: completed.verdict,
                kind: None,
                extent: Extent {
                    shown: words,
                    of: words,
                },
            };
            let qemu = completed.qemu.to_string();
            this.add(qemu, TAB, &completed.prefix, worth);
        }
        this
    }

    fn add_entry(&mut self, entry: &Entry) {
        let of = entry.builtin.lines().count();
        let extent = match entry.part {
            Some(part) => Extent {
                shown: part.shown,
                of: part.of,
            },
            None => Extent { shown: of, of },
        };
        let worth = Worth {
            verdict: entry.verdict,
            kind: entry.kind,
            extent,
        };
        self.add(entry.qemu.to_string(), &entry.case, &entry.line, worth);
    }

    fn add(&mut self, qemu: String, case: &str, line: &str, worth: Worth) {
        let mut key = Key {
            qemu,
            case: case.to_owned(),
            line: line.to_owned(),
            time: 0,
        };
        while self.lines.contains_key(&key) {
            key.time += 1;
        }
        self.lines.insert(key, worth);
    }

    /// The part of it about the QEMUs of another.
    #[must_use]
    pub fn of_the_qemus_of(mut self, other: &Self) -> Self {
        let is_there = |key: &Key| other.lines.keys().any(|there| there.qemu == key.qemu);
        self.lines.retain(|key, _| is_there(key));
        self
    }

    /// Reads a file.
    pub fn parse(text: &str) -> Result<Self, BaselineError> {
        let mut this = Self::default();
        for (number, line) in text.lines().enumerate() {
            if line.starts_with('#') {
                continue;
            }
            let columns: Vec<&str> = line.split('\t').collect();
            let read = || {
                let &[qemu, case, line, verdict, kind, extent] = columns.as_slice() else {
                    return None;
                };
                let worth = Worth {
                    verdict: Verdict::ALL.into_iter().find(|v| v.word() == verdict)?,
                    kind: match kind {
                        "-" => None,
                        word => Some(Kind::ALL.into_iter().find(|kind| kind.word() == word)?),
                    },
                    extent: Extent::parse(extent)?,
                };
                let line: String = serde_json::from_str(line).ok()?;
                Some((qemu, case, line, worth))
            };
            let (qemu, case, line, worth) = read().ok_or(BaselineError(number + 1))?;
            this.add(qemu.to_owned(), case, &line, worth);
        }
        Ok(this)
    }

    /// The file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::from(HEADER);
        for (key, worth) in &self.lines {
            let line = serde_json::Value::from(key.line.as_str());
            let kind = worth.kind.map_or("-", Kind::word);
            let (verdict, extent) = (worth.verdict.word(), worth.extent);
            let Key { qemu, case, .. } = key;
            // Writing to a string can't fail.
            let _ = writeln!(text, "{qemu}\t{case}\t{line}\t{verdict}\t{kind}\t{extent}");
        }
        text
    }

    /// QEMU, line and verdict of each line that is not TAB's.
    pub fn verdicts(&self) -> impl Iterator<Item = (&str, &str, Verdict)> {
        let lines = self.lines.iter().filter(|(key, _)| key.case != TAB);
        lines.map(|(key, worth)| (key.qemu.as_str(), key.line.as_str(), worth.verdict))
    }

    /// QEMU, case, line, and how many of the built-in's lines are there, of how many: of each line
    /// that is blocked or answered in part.
    pub fn parts(&self) -> impl Iterator<Item = (&str, &str, &str, [usize; 2])> {
        self.lines.iter().filter_map(|(key, worth)| {
            let Extent { shown, of } = worth.extent;
            let shown = match worth.verdict {
                Verdict::Partial => shown,
                Verdict::Blocked => 0,
                _ => return None,
            };
            Some((&*key.qemu, &*key.case, &*key.line, [shown, of]))
        })
    }

    /// What changed since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Changes {
        let mut changes = Changes::default();
        let gone = |key: &Key| !self.lines.contains_key(key);
        let new = |key: &Key| !before.lines.contains_key(key);
        changes.worse = groups(&before.lines, gone, "gone");
        changes.better = groups(&self.lines, new, "not in the baseline");
        for (key, was) in &before.lines {
            let Some(is) = self.lines.get(key) else {
                continue;
            };
            if is == was {
                continue;
            }
            let sentence = format!("{key}: was {was}, is {is}");
            match is.is_weaker_than(was) {
                true => changes.worse.push(sentence),
                false => changes.better.push(sentence),
            }
        }
        changes
    }
}

/// The name of the case of prefixes.
const TAB: &str = "TAB";

const HEADER: &str = "# What every line is worth; `parity run --baseline FILE --update-baseline` \
    writes it.\n# QEMU, case, line, verdict, kind of answer, \
    lines of the built-in (of a part: shown/all)\n";

/// One sentence for each line that `is_one` is true of; whole QEMUs and whole cases have one.
fn groups(lines: &BTreeMap<Key, Worth>, is_one: impl Fn(&Key) -> bool, what: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut keys: Vec<&Key> = lines.keys().filter(|key| is_one(key)).collect();
    let mut fold = |same: fn(&Key, &Key) -> bool, name: fn(&Key) -> String| {
        while let Some(first) = keys
            .iter()
            .copied()
            .find(|key| lines.keys().filter(|other| same(key, other)).all(&is_one))
        {
            let count = keys.iter().filter(|key| same(first, key)).count();
            sentences.push(format!("{}: all {count} lines are {what}", name(first)));
            keys.retain(|key| !same(first, key));
        }
    };
    fold(|a, b| a.qemu == b.qemu, |key| key.qemu.clone());
    fold(
        |a, b| (&a.qemu, &a.case) == (&b.qemu, &b.case),
        |key| format!("{} {}", key.qemu, key.case),
    );
    sentences.extend(keys.iter().map(|key| format!("{key}: {what}")));
    sentences
}

impl Worth {
    /// Whether it says less than `was`: a worse verdict, or as good a one about less.
    fn is_weaker_than(&self, was: &Self) -> bool {
        let rank = |kind: Option<Kind>| {
            kind.and_then(|kind| Kind::ALL.iter().position(|k| *k == kind))
                .unwrap_or(Kind::ALL.len())
        };
        let order = (self.verdict, rank(self.kind)).cmp(&(was.verdict, rank(was.kind)));
        let less = self.extent.shown < was.extent.shown
            || self.extent.shown == was.extent.shown && self.extent.of > was.extent.of;
        order.is_gt() || order.is_eq() && less
    }
}

impl fmt::Display for Worth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.map_or("no answer", Kind::word);
        write!(f, "{} ({kind}, {} lines)", self.verdict.word(), self.extent)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {:?}", self.qemu, self.case, self.line)
    }
}

impl Extent {
    fn parse(text: &str) -> Option<Self> {
        let (shown, of) = match text.split_once('/') {
            Some((shown, of)) => (shown.parse().ok()?, of.parse().ok()?),
            None => (text.parse().ok()?, text.parse().ok()?),
        };
        Some(Self { shown, of })
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.shown == self.of {
            true => write!(f, "{}", self.of),
            false => write!(f, "{}/{}", self.shown, self.of),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::compare::Part;
    use crate::judge::sample::entry;

    const Q: &str = "11.1-x86_64";

    fn of(lines: &[(&str, Verdict)]) -> Baseline {
        let entries = lines
            .iter()
            .map(|(line, verdict)| entry(Q, line, "x", *verdict));
        Baseline::of(&entries.collect::<Vec<_>>(), &[])
    }

    #[test]
    fn it_is_read_back() {
        let mut odd = entry(Q, "print \"a\tb\"", "print", Verdict::Partial);
        odd.part = Some(Part { shown: 1, of: 5 });
        let completed = Completed::not_run(&odd.qemu, "info ", "no reason");
        let baseline = Baseline::of(&[odd.clone(), odd], &[completed]);
        let text = baseline.to_text();
        assert_eq!(Baseline::parse(&text).unwrap(), baseline);
        assert_eq!(
            text.lines()
                .filter(|l| l.ends_with("partial\toutput\t1/5"))
                .count(),
            2
        );
        assert!(Baseline::parse("a\tb\n").is_err());
        assert!(Baseline::parse(&text.replace("partial", "splendid")).is_err());
    }

    #[test]
    fn what_is_gone_is_told() {
        let two = of(&[("a", Verdict::Identical), ("b", Verdict::Identical)]);
        let one = of(&[("a", Verdict::Identical)]);
        let changes = one.since(&two);
        assert_eq!(changes.worse, ["11.1-x86_64 c: \"b\": gone"]);
        assert!(changes.better.is_empty());
        let nothing = Baseline::default().since(&two);
        assert_eq!(nothing.worse, ["11.1-x86_64: all 2 lines are gone"]);
        assert!(two.since(&two).is_empty());
    }

    #[test]
    fn a_baseline_that_says_less_than_the_run_is_told() {
        let now = of(&[("a", Verdict::Identical)]);
        let empty = now.since(&Baseline::default());
        assert_eq!(
            empty.better,
            ["11.1-x86_64: all 1 lines are not in the baseline"]
        );
        let worse = now.since(&of(&[("a", Verdict::Different)]));
        assert_eq!(worse.worse, [""; 0]);
        assert_eq!(worse.better.len(), 1);
    }

    #[test]
    fn a_run_with_a_permission_is_about_the_lines_that_need_it() {
        let plain = entry(Q, "info block", "info block", Verdict::Identical);
        let mut freed = entry(Q, "info registers", "info registers", Verdict::Identical);
        freed.risk = Risk::Risky;
        let now = Baseline::of_permitted(&[plain, freed]);
        assert_eq!(now.lines.len(), 1);
        let elsewhere = entry("7.2-x86_64", "a", "a", Verdict::Identical);
        let mut before = Baseline::of(&[elsewhere], &[]);
        assert!(!now.since(&before).worse.is_empty());
        before.lines.extend(now.lines.clone());
        assert!(now.since(&before.of_the_qemus_of(&now)).is_empty());
    }

    #[test]
    fn weaker_lines_are_worse() {
        let with = |ours: Verdict, kind, shown, of| {
            let mut line = entry(Q, "info mtree", "info mtree", ours);
            line.kind = kind;
            line.part = Some(Part { shown, of });
            Baseline::of(&[line], &[])
        };
        let (output, partial) = (Some(Kind::Output), Verdict::Partial);
        let before = with(partial, output, 12, 500);
        for weaker in [
            with(Verdict::Blocked, output, 12, 500),
            with(partial, Some(Kind::Error), 12, 500),
            with(partial, output, 11, 500),
            with(partial, output, 12, 501),
        ] {
            let changes = weaker.since(&before);
            assert_eq!((changes.worse.len(), changes.better.len()), (1, 0));
            let back = before.since(&weaker);
            assert_eq!((back.worse.len(), back.better.len()), (0, 1));
        }
    }

    #[test]
    fn an_answer_that_became_empty_is_worse() {
        let full = entry(Q, "info block", "info block", Verdict::Identical);
        let mut empty = full.clone();
        empty.builtin.clear();
        let of = |entry: &Entry| Baseline::of(std::slice::from_ref(entry), &[]);
        let changes = of(&empty).since(&of(&full));
        assert_eq!(
            changes.worse,
            [
                "11.1-x86_64 c: \"info block\": was identical (output, 1 lines), is identical (output, 0 lines)"
            ]
        );
    }
}
