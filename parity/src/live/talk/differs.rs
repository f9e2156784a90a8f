// SPDX-License-Identifier: GPL-2.0-or-later
//! The one table of what clients of a socket get that the built-in's don't.

use std::path::{Path, PathBuf};

use regex::Regex;
use serde::Deserialize;

use crate::case::Qemu;

/// A difference and why it is there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// A regular expression for the names of recorded conversations.
    pub conversation: Option<String>,
    /// A regular expression for lines, a TAB behind what it completes.
    pub line: Option<String>,
    /// The QEMUs that it is about, by label (`7.2-x86_64`); all where left out.
    #[serde(default)]
    pub qemu: Vec<Qemu>,
    /// What clients get, and why.
    pub reason: String,
    #[serde(skip)]
    regex: Option<Regex>,
}

/// The table.
#[derive(Debug, Default)]
pub struct Differs(Vec<Difference>);

/// Why the table can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DiffersError {
    /// It can't be read.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// It is not such a table.
    #[error("{}: {error}", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: Box<toml::de::Error>,
    },
    /// A regular expression is wrong, or there are two in one entry, or none.
    #[error("{0}: one of conversation and line, a regular expression")]
    Pattern(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    differs: Vec<Difference>,
}

impl Differs {
    /// Reads the table.
    pub fn load(path: &Path) -> Result<Self, DiffersError> {
        let text = std::fs::read_to_string(path).map_err(|error| DiffersError::Io {
            path: path.to_owned(),
            error,
        })?;
        let file: File = toml::from_str(&text).map_err(|error| DiffersError::Toml {
            path: path.to_owned(),
            error: Box::new(error),
        })?;
        let mut all = file.differs;
        for one in &mut all {
            let pattern = match (&one.conversation, &one.line) {
                (Some(pattern), None) | (None, Some(pattern)) => pattern,
                _ => return Err(DiffersError::Pattern(one.reason.clone())),
            };
            let regex = Regex::new(&format!("(?s)^(?:{pattern})$"));
            one.regex = Some(regex.map_err(|_| DiffersError::Pattern(pattern.clone()))?);
        }
        Ok(Self(all))
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Difference] {
        &self.0
    }

    /// Why this conversation may differ, if it may.
    #[must_use]
    pub fn conversation(&self, name: &str, qemu: &Qemu) -> Option<&str> {
        self.find(name, qemu, |one| one.conversation.is_some())
    }

    /// Why the answer to this line may differ, if it may.
    #[must_use]
    pub fn line(&self, line: &str, qemu: &Qemu) -> Option<&str> {
        self.find(line, qemu, |one| one.line.is_some())
    }

    fn find(&self, text: &str, qemu: &Qemu, kind: impl Fn(&Difference) -> bool) -> Option<&str> {
        let about = |one: &&Difference| {
            kind(one)
                && (one.qemu.is_empty() || one.qemu.contains(qemu))
                && one.regex.as_ref().is_some_and(|regex| regex.is_match(text))
        };
        Some(&self.0.iter().find(about)?.reason)
    }
}
