// SPDX-License-Identifier: GPL-2.0-or-later
//! The command reference and the QMP cookbook: docs/commands/ and docs/cookbook.md.

mod commands;
mod cookbook;
mod differences;
mod facts;
#[cfg(test)]
mod tests;

pub use self::commands::FOLDER;

use std::path::Path;

use crate::error::Error;

/// A page: its path from the repository's root, and its text.
pub type Page = (String, String);

/// All pages. The engine runs recorded topics for them, which takes some seconds.
pub fn pages(root: &Path) -> Result<Vec<Page>, Error> {
    let facts = facts::Facts::gather(root)?;
    let mut pages = commands::pages(&facts);
    pages.push(cookbook::page(&facts));
    Ok(pages)
}
