// SPDX-License-Identifier: GPL-2.0-or-later
//! What TAB is pressed on: prefixes of lines, and the VM for them.

use std::path::Path;

use serde::Deserialize;

use super::error::{self, CaseError};
use super::file::Case;

/// `parity/completions.toml`: a VM and the prefixes to complete on it. `{dir}` stands for the VM's
/// own directory.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prefixes {
    /// The VM; it has no steps.
    pub vm: Case,
    /// Files to make in the VM's directory; folders end in a slash.
    pub files: Vec<String>,
    /// Prefixes of lines.
    pub prefixes: Vec<String>,
    /// Prefixes with very long answers: recordings are made without them.
    pub long: Vec<String>,
}

impl Prefixes {
    /// Reads `completions.toml`.
    pub fn load(path: &Path) -> Result<Self, CaseError> {
        error::read_toml(path)
    }

    /// All prefixes.
    pub fn all(&self) -> impl Iterator<Item = &String> {
        self.prefixes.iter().chain(&self.long)
    }

    /// Makes the files below `dir`.
    pub fn make_files(&self, dir: &Path) -> std::io::Result<()> {
        for file in &self.files {
            let path = dir.join(file);
            if file.ends_with('/') {
                std::fs::create_dir_all(path)?;
            } else {
                std::fs::create_dir_all(path.parent().unwrap_or(dir))?;
                std::fs::write(path, "")?;
            }
        }
        Ok(())
    }
}
