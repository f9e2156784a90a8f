// SPDX-License-Identifier: GPL-2.0-or-later
//! Runs in short, one line of JSON each: what trends are drawn from.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Report;
use crate::case::Qemu;
use crate::judge::cells::Cells;
use crate::judge::{Entry, Verdict};

/// The version of a line; any change of its meaning raises it.
pub const FORMAT: u32 = 1;

/// A run in short. Its JSON form is described by docs/history.schema.json.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Run {
    /// [`FORMAT`].
    pub format: u32,
    /// The day, as it was given.
    pub date: String,
    /// The revision, as it was given.
    pub revision: String,
    /// Whether the built-in monitor was forbidden to our side.
    pub native_only: bool,
    /// Who answered for the built-in.
    pub builtin: String,
    /// What each QEMU came to.
    pub qemus: BTreeMap<Qemu, Score>,
}

/// What a QEMU came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Score {
    /// Its builds.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub builds: BTreeSet<String>,
    /// Commands that were tried.
    pub tried: usize,
    /// Those of them that are right: every line passed, and one of them succeeded.
    pub right: usize,
    /// Those whose lines passed and are errors alone.
    pub errors_only: usize,
    /// Lines.
    pub lines: usize,
    /// Lines that passed.
    pub passed: usize,
    /// Lines that are blocked, or answered in part.
    pub stuck: usize,
    /// Lines that are different or did not run.
    pub bad: usize,
    /// Prefixes that TAB was pressed on.
    pub prefixes: usize,
    /// Those of them that are identical.
    pub prefixes_identical: usize,
}

/// Why a history can't be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// A line is not JSON of this form; the line, counted from 1.
    #[error("line {0}: {1}")]
    Broken(usize, serde_json::Error),
    /// A line is of another format.
    #[error("line {0}: format {1}, where {FORMAT} is wanted")]
    Format(usize, u32),
}

impl Run {
    /// A report in short.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let labels: BTreeSet<&Qemu> = report.entries.iter().map(|e| &e.qemu).collect();
        let scores = labels
            .into_iter()
            .map(|qemu| (qemu.clone(), score(report, qemu)));
        Self {
            format: FORMAT,
            date: report.date.clone(),
            revision: report.revision.clone(),
            native_only: report.native_only,
            builtin: report.sides.builtin.clone(),
            qemus: scores.collect(),
        }
    }

    /// Whether the numbers of both mean the same: runs with and without the built-in's help, or on
    /// recordings and live, try other lines.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        (self.native_only, &self.builtin) == (other.native_only, &other.builtin)
    }

    /// The line that a history keeps of it.
    pub fn line(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string(self)? + "\n")
    }
}

/// The latest run of a history, and those before it that can be compared with it, oldest first.
#[must_use]
pub fn latest(runs: &[Run]) -> Option<(&Run, Vec<&Run>)> {
    let (now, before) = runs.split_last()?;
    let like = before.iter().filter(|run| run.is_like(now));
    Some((now, like.collect()))
}

/// The runs of a history, oldest first. Lines that are blank are not about any.
pub fn parse(text: &str) -> Result<Vec<Run>, HistoryError> {
    let mut runs = Vec::new();
    let lines = text.lines().enumerate();
    for (at, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let run: Run = serde_json::from_str(line).map_err(|e| HistoryError::Broken(at + 1, e))?;
        if run.format != FORMAT {
            return Err(HistoryError::Format(at + 1, run.format));
        }
        runs.push(run);
    }
    Ok(runs)
}

fn score(report: &Report, qemu: &Qemu) -> Score {
    let entries: Vec<&Entry> = report.entries.iter().filter(|e| e.qemu == *qemu).collect();
    let cells = Cells::of(&entries);
    let with = |test: fn(&Entry) -> bool| entries.iter().filter(|e| test(e)).count();
    let prefixes = report.completions.iter().filter(|c| c.qemu == *qemu);
    let identical = prefixes.clone().filter(|c| c.verdict == Verdict::Identical);
    Score {
        builds: report.builds.get(qemu).cloned().unwrap_or_default(),
        tried: cells.right + cells.errors_only + cells.others,
        right: cells.right,
        errors_only: cells.errors_only,
        lines: entries.len(),
        passed: with(|e| e.verdict.passes()),
        stuck: with(|e| matches!(e.verdict, Verdict::Blocked | Verdict::Partial)),
        bad: with(|e| !e.is_clean()),
        prefixes: prefixes.count(),
        prefixes_identical: identical.count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::{Completed, sample};

    #[test]
    fn a_run_is_one_line_that_is_read_back() {
        let line = |line: &str, verdict| sample::entry("10.0-x86_64", line, line, verdict);
        let mut report = Report::of(vec![
            line("a", Verdict::Identical),
            line("b", Verdict::Blocked),
            line("c", Verdict::Different),
        ]);
        report.date = "2026-11-28".into();
        let prefix = Completed::not_run(&sample::qemu("10.0-x86_64"), "x", "");
        report.completions.push(prefix);
        let run = Run::of(&report);
        let text = run.line().unwrap();
        assert_eq!(text.lines().count(), 1);
        let twice = format!("{text}{text}");
        assert_eq!(parse(&twice).unwrap(), [run.clone(), run.clone()]);
        let score = &run.qemus[&sample::qemu("10.0-x86_64")];
        assert_eq!((score.tried, score.lines, score.passed), (3, 3, 1));
        assert_eq!((score.stuck, score.bad, score.prefixes), (1, 1, 1));
        assert_eq!(score.prefixes_identical, 0);

        assert_eq!(parse(&format!("\n{text}\n{text}")).unwrap().len(), 2);
        let broken = parse(&format!("\n{text}x\n")).unwrap_err().to_string();
        assert!(broken.starts_with("line 3: "), "{broken}");

        let odd = text.replace("\"format\":1", "\"format\":7");
        let said = parse(&format!("{text}{odd}")).unwrap_err().to_string();
        assert_eq!(said, "line 2: format 7, where 1 is wanted");
        assert!(
            parse("x\n")
                .unwrap_err()
                .to_string()
                .starts_with("line 1: ")
        );
    }
}
