// SPDX-License-Identifier: GPL-2.0-or-later
//! Why a file of parity's own can't be used.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// Why a case, or a list beside the cases, can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// It can't be read.
    #[error("{path}: {error}", path = .0.display(), error = .1)]
    Io(PathBuf, std::io::Error),
    /// It does not hold what it should.
    #[error("{path}: {error}", path = .0.display(), error = .1)]
    Toml(PathBuf, Box<toml::de::Error>),
    /// There is no case there.
    #[error("{}: no cases", .0.display())]
    Empty(PathBuf),
}

/// Reads a file of TOML by `parse`.
pub(crate) fn read<T>(
    path: &Path,
    parse: impl FnOnce(&str) -> Result<T, toml::de::Error>,
) -> Result<T, CaseError> {
    let text = std::fs::read_to_string(path).map_err(|e| CaseError::Io(path.to_owned(), e))?;
    parse(&text).map_err(|e| CaseError::Toml(path.to_owned(), Box::new(e)))
}

/// Reads a file of TOML that is nothing but a `T`.
pub(crate) fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T, CaseError> {
    read(path, |text| toml::from_str(text))
}
