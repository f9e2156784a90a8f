// SPDX-License-Identifier: GPL-2.0-or-later
//! Programs run in a folder of their own, so that what they write by relative names stays there.

use std::path::{Path, PathBuf};

use tokio::process::Command;

/// A program as it is named from any folder: a bare name is looked up on the path and stays as it
/// is.
#[must_use]
pub fn absolute(program: &Path) -> PathBuf {
    if program.components().count() < 2 {
        return program.to_owned();
    }
    std::path::absolute(program).unwrap_or_else(|_| program.to_owned())
}

/// A command that runs `program` in the folder `dir`.
#[must_use]
pub fn command(program: impl AsRef<Path>, dir: &Path) -> Command {
    let mut command = Command::new(absolute(program.as_ref()));
    command.current_dir(dir);
    command
}
