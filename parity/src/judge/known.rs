// SPDX-License-Identifier: GPL-2.0-or-later
//! Expected differences, each with its reason; one that no longer occurs is an error.

use std::path::Path;

use regex::Regex;
use serde::Deserialize;

use super::verdict::Verdict;
use crate::case::Qemu;
use crate::case::error::{self, CaseError};

/// An expected difference.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// A regular expression that the whole line matches.
    pub line: String,
    /// The QEMUs that have it, by label (`7.2-x86_64`); all where left out.
    #[serde(default)]
    pub qemu: Vec<Qemu>,
    /// The answers are equal and their effects are not, which only a live run finds out.
    #[serde(default)]
    pub effect: bool,
    /// Time decides whether they differ: they may, and need not.
    #[serde(default)]
    pub time: bool,
    /// They differ only where the built-in monitor may not be asked.
    #[serde(default)]
    pub native: bool,
    /// Why the answers differ, and why that is right.
    pub reason: String,
    /// Where QEMU documents or fixes it.
    pub upstream: Option<String>,
    #[serde(skip)]
    regex: Option<Regex>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    known: Vec<Known>,
}

/// The list, with a note of which entries were met.
#[derive(Debug, Default)]
pub struct KnownList {
    entries: Vec<(Known, bool)>,
}

impl KnownList {
    /// Reads a `known.toml`.
    pub fn load(path: &Path) -> Result<Self, CaseError> {
        error::read(path, Self::parse)
    }

    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        use serde::de::Error;
        let file: File = toml::from_str(text)?;
        let mut entries = Vec::new();
        for mut known in file.known {
            let regex = Regex::new(&format!("^(?:{})$", known.line));
            known.regex = Some(regex.map_err(toml::de::Error::custom)?);
            entries.push((known, false));
        }
        Ok(Self { entries })
    }

    /// Those for runs that never ask the built-in monitor, or that may.
    #[must_use]
    pub fn in_mode(mut self, native_only: bool) -> Self {
        self.entries
            .retain(|(known, _)| native_only || !known.native);
        self
    }

    /// What is different and expected to be becomes [`Verdict::Known`], with the reason.
    pub fn excuse<J: Judged>(&mut self, judged: &mut [J]) {
        for one in judged {
            let (line, qemu) = (one.known_line(), one.qemu().clone());
            let (verdict, note) = one.judgement();
            if *verdict == Verdict::Different
                && let Some(reason) = self.meet(&line, &qemu)
            {
                *verdict = Verdict::Known;
                reason.clone_into(note);
            }
        }
    }

    /// The reason why the answers to this line may differ on this QEMU, if they may; the entry
    /// counts as met.
    fn meet(&mut self, line: &str, qemu: &Qemu) -> Option<&str> {
        let mut entries = self.entries.iter_mut();
        let (known, met) = entries.find(|(known, _)| known.is_about(line, qemu))?;
        *met = true;
        Some(&known.reason)
    }

    /// The entries that were not met although a line that they are about ran; `live` says that
    /// effects were probed too.
    #[must_use]
    pub fn stale(&self, ran: &[(String, Qemu)], live: bool) -> Vec<&str> {
        let about = |known: &Known| {
            !known.time
                && (live || !known.effect)
                && ran.iter().any(|(line, qemu)| known.is_about(line, qemu))
        };
        let stale = self.entries.iter().filter(|(k, met)| !met && about(k));
        stale.map(|(known, _)| known.line.as_str()).collect()
    }
}

impl Known {
    fn is_about(&self, line: &str, qemu: &Qemu) -> bool {
        (self.qemu.is_empty() || self.qemu.contains(qemu))
            && self.regex.as_ref().is_some_and(|r| r.is_match(line))
    }
}

/// Something with a verdict, which a list of expected differences may excuse.
pub trait Judged {
    /// The line that stands for it in `known.toml`.
    fn known_line(&self) -> String;

    /// The QEMU that it ran on.
    fn qemu(&self) -> &Qemu;

    /// The verdict, and the note that gives its reason.
    fn judgement(&mut self) -> (&mut Verdict, &mut String);
}

/// What ran, as [`KnownList::stale`] asks for it.
#[must_use]
pub fn lines<J: Judged>(judged: &[J]) -> Vec<(String, Qemu)> {
    let lines = judged.iter().map(|j| (j.known_line(), j.qemu().clone()));
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::sample::qemu;

    #[test]
    fn an_entry_is_met_or_stale() {
        let text = "[[known]]\nline = \"info x.*\"\nqemu = [\"10.0-x86_64\"]\nreason = \"r\"\n";
        let mut list = KnownList::parse(text).unwrap();
        let ran = vec![("info xy".to_owned(), qemu("10.0-x86_64"))];
        assert_eq!(list.stale(&ran, false), ["info x.*"]);
        assert_eq!(list.meet("info xy", &qemu("7.2-x86_64")), None);
        assert_eq!(list.meet("my info xy", &qemu("10.0-x86_64")), None);
        assert_eq!(list.meet("info xy", &qemu("10.0-x86_64")), Some("r"));
        assert!(list.stale(&ran, true).is_empty());
        assert!(list.stale(&[], true).is_empty());
    }

    #[test]
    fn what_time_decides_is_never_stale() {
        let text = "[[known]]\nline = \"sendkey .*\"\ntime = true\nreason = \"r\"\n";
        let mut list = KnownList::parse(text).unwrap();
        let ran = vec![("sendkey a".to_owned(), qemu("10.0-x86_64"))];
        assert!(list.stale(&ran, true).is_empty());
        assert_eq!(list.meet("sendkey a", &qemu("10.0-x86_64")), Some("r"));
    }

    #[test]
    fn effects_are_met_by_live_runs_alone() {
        let text = "[[known]]\nline = \"commit all\"\neffect = true\nreason = \"r\"\n";
        let list = KnownList::parse(text).unwrap();
        let ran = vec![("commit all".to_owned(), qemu("10.0-x86_64"))];
        assert!(list.stale(&ran, false).is_empty());
        assert_eq!(list.stale(&ran, true), ["commit all"]);
    }
}
