//! Expected differences, each with its reason; one that no longer occurs is an error.

use std::path::Path;

use regex::Regex;
use serde::Deserialize;

use crate::case::CaseError;

/// An expected difference.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// A regular expression that the whole line matches.
    pub line: String,
    /// The QEMUs that have it, by label (`7.2-x86_64`); all where left out.
    #[serde(default)]
    pub qemu: Vec<String>,
    /// The answers are equal and their effects are not, which only a live run finds out.
    #[serde(default)]
    pub effect: bool,
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
        let text = std::fs::read_to_string(path).map_err(|e| CaseError::Io(path.to_owned(), e))?;
        Self::parse(&text).map_err(|e| CaseError::Toml(path.to_owned(), Box::new(e)))
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

    /// The reason why the answers to this line may differ on this QEMU, if they may; the entry counts as met.
    pub fn meet(&mut self, line: &str, qemu: &str) -> Option<&str> {
        let (known, met) = self.entries.iter_mut().find(|(known, _)| {
            let here = known.qemu.is_empty() || known.qemu.iter().any(|q| q == qemu);
            here && known.regex.as_ref().is_some_and(|r| r.is_match(line))
        })?;
        *met = true;
        Some(&known.reason)
    }

    /// The entries for these QEMUs that were not met although a line that they are about ran; `live` says that effects
    /// were probed too.
    pub fn stale(&self, ran: &[(String, String)], live: bool) -> Vec<&str> {
        let about = |known: &Known| {
            (live || !known.effect)
                && ran.iter().any(|(line, qemu)| {
                    (known.qemu.is_empty() || known.qemu.contains(qemu))
                        && known.regex.as_ref().is_some_and(|r| r.is_match(line))
                })
        };
        let stale = self.entries.iter().filter(|(k, met)| !met && about(k));
        stale.map(|(known, _)| known.line.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_met_or_stale() {
        let text = "[[known]]\nline = \"info x.*\"\nqemu = [\"10.0-x86_64\"]\nreason = \"r\"\n";
        let mut list = KnownList::parse(text).unwrap();
        let ran = vec![("info xy".to_owned(), "10.0-x86_64".to_owned())];
        assert_eq!(list.stale(&ran, false), ["info x.*"]);
        assert_eq!(list.meet("info xy", "7.2-x86_64"), None);
        assert_eq!(list.meet("my info xy", "10.0-x86_64"), None);
        assert_eq!(list.meet("info xy", "10.0-x86_64"), Some("r"));
        assert!(list.stale(&ran, true).is_empty());
        assert!(list.stale(&[], true).is_empty());
    }

    #[test]
    fn effects_are_met_by_live_runs_alone() {
        let text = "[[known]]\nline = \"commit all\"\neffect = true\nreason = \"r\"\n";
        let list = KnownList::parse(text).unwrap();
        let ran = vec![("commit all".to_owned(), "10.0-x86_64".to_owned())];
        assert!(list.stale(&ran, false).is_empty());
        assert_eq!(list.stale(&ran, true), ["commit all"]);
    }
}
