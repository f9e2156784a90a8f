// SPDX-License-Identifier: GPL-2.0-or-later
//! A copy of the project's last commit, which may be changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;

/// Makes it below `folder`, where what is built of it is as well.
pub fn make(root: &Path, folder: &Path) -> Result<PathBuf, Error> {
    fs::create_dir_all(folder)?;
    let tree = folder.canonicalize()?.join("tree");
    if tree.exists() {
        fs::remove_dir_all(&tree)?;
    }
    let mut git = Command::new("git");
    let cloned = git
        .args(["clone", "--quiet"])
        .arg(root)
        .arg(&tree)
        .status()?;
    if !cloned.success() {
        return Err(format!("git clone: {cloned}").into());
    }
    Ok(tree)
}
