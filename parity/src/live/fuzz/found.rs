// SPDX-License-Identifier: GPL-2.0-or-later
//! What a run of the fuzzer found, and whether it met enough.

use std::collections::BTreeMap;
use std::fmt::Write;

/// What the built-in says to a line that it can't read (parsing rules of monitor/hmp.c), as
/// [`kind`] writes it.
const ERRORS: &[&str] = &[
    "unknown command: '...'",
    "Command '...' not available until machine initialization has completed.",
    "extraneous characters at the end of line",
    "string expected",
    "block device name expected",
    "filename expected",
    "Try ...",
    "unexpected end of expression",
    "invalid char '...' in expression",
    "'...' expected",
    "division by zero",
    "number too large",
    "unknown register",
    "character constant expected",
    "missing terminating '...'",
    "'...' has failed: integer is for 32-bit values",
    "enter a positive value",
    "invalid char in format: '...'",
    "Expected '...' or '...'",
    "invalid size",
    "unsupported option -.",
    "value expected for -.",
];

/// Commands that a build or a module that is not loaded may lack, which QMP does not tell: the
/// built-in then says that they are not available before it reads the line.
const MAY_BE_MISSING: &[&str] = &["info usbhost"];

/// As many lines as every command should get.
const ENOUGH: usize = 50;

/// A line on which the two monitors differ.
#[derive(Debug)]
pub struct Difference {
    /// The shortest line found that still shows it.
    pub line: String,
    /// The built-in's answer to it.
    pub builtin: String,
    /// Ours.
    pub ours: String,
}

/// What a run of the fuzzer found.
#[derive(Debug, Default)]
pub struct Found {
    /// Lines tried.
    pub lines: usize,
    /// Lines that were right but not for running; they count for nothing.
    pub accepted: usize,
    /// Lines by command, whether it got any or not.
    pub rows: BTreeMap<String, usize>,
    /// Lines by what the built-in said, without the parts that vary.
    pub errors: BTreeMap<String, usize>,
    /// Differences, each with its shortest line.
    pub differences: Vec<Difference>,
}

/// An error without what varies: names, quoted text and the line that points to help.
#[must_use]
pub fn kind(error: &str) -> String {
    let line = error.lines().next().unwrap_or_default();
    let line = line.split_once(": ").map_or(line, |(head, rest)| {
        if head.contains(' ') || rest.is_empty() {
            line
        } else {
            rest
        }
    });
    if line.starts_with("Try ") {
        return "Try ...".into();
    }
    let mut out = String::new();
    for (i, part) in line.split('\'').enumerate() {
        out.push_str(if i % 2 == 0 { part } else { "'...'" });
    }
    for what in ["unsupported option -", "value expected for -"] {
        if out.starts_with(what) {
            return format!("{what}.");
        }
    }
    out
}

impl Found {
    /// The whole for a terminal.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::new();
        for difference in &self.differences {
            // Writing to a string can't fail.
            let _ = writeln!(
                out,
                "different: {:?}\n    built-in {:?}\n    ours     {:?}",
                difference.line, difference.builtin, difference.ours
            );
        }
        for (kind, count) in &self.errors {
            let _ = writeln!(out, "{count:>8} {kind}");
        }
        for (row, count) in self.few() {
            let _ = writeln!(out, "only {count} lines: {row}");
        }
        for error in self.missed() {
            let _ = writeln!(out, "never seen: {error}");
        }
        let counted = self
            .rows
            .iter()
            .filter(|(row, _)| !MAY_BE_MISSING.contains(&row.as_str()));
        let fewest = counted.map(|(_, count)| *count).min().unwrap_or(0);
        let _ = writeln!(
            out,
            "{} lines, {} right ones not run, {} commands with {fewest} lines at least, \
             {} of {} kinds of errors, {} differences",
            self.lines,
            self.accepted,
            self.rows.len(),
            ERRORS.len() - self.missed().len(),
            ERRORS.len(),
            self.differences.len()
        );
        out
    }

    /// Commands with too few lines, and how many they got.
    pub fn few(&self) -> impl Iterator<Item = (&str, usize)> {
        let rows = self.rows.iter().map(|(row, count)| (row.as_str(), *count));
        rows.filter(|(row, count)| *count < ENOUGH && !MAY_BE_MISSING.contains(row))
    }

    /// Kinds of errors that no line met.
    #[must_use]
    pub fn missed(&self) -> Vec<&'static str> {
        let missed = ERRORS
            .iter()
            .filter(|error| !self.errors.contains_key(**error));
        missed.copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_sorted_without_what_varies() {
        assert_eq!(
            kind("stop|s: extraneous characters at the end of line\nTry \"help s\" ..."),
            "extraneous characters at the end of line"
        );
        assert_eq!(kind("unknown command: 'foo'\n"), "unknown command: '...'");
        assert_eq!(
            kind("unknown command: 'info foo'\n"),
            "unknown command: '...'"
        );
        assert_eq!(
            kind("eject: unsupported option -x\n"),
            "unsupported option -."
        );
        assert_eq!(
            kind("invalid char 'k' in expression\n"),
            "invalid char '...' in expression"
        );
        assert_eq!(
            kind("Try \"help device_add\" for more information\n"),
            "Try ..."
        );
    }
}
