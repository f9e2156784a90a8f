// SPDX-License-Identifier: GPL-2.0-or-later
//! Where the recordings are that come with the program.

use std::path::{Path, PathBuf};

/// Names further folders of recordings, separated by colons.
const VARIABLE: &str = "MOCK_QMP_RECORDINGS";

/// The folders that hold recordings, in the order in which they are searched: those of
/// `MOCK_QMP_RECORDINGS`, `share/mock-qmp/recordings` of the folder that the program is installed in,
/// `recordings` of the working directory.
#[must_use]
pub fn shelves() -> Vec<PathBuf> {
    let named = std::env::var_os(VARIABLE).unwrap_or_default();
    let named = std::env::split_paths(&named).filter(|path| !path.as_os_str().is_empty());
    let program = std::env::current_exe().ok();
    let installed = program
        .as_deref()
        .and_then(Path::parent)
        .and_then(Path::parent);
    let installed = installed.map(|prefix| prefix.join("share/mock-qmp/recordings"));
    let all = named.chain(installed).chain([PathBuf::from("recordings")]);
    all.filter(|folder| folder.is_dir()).collect()
}

/// The recording that is meant: the path if there is one, else the folder of this name on a shelf.
#[must_use]
pub fn locate(path: &Path) -> PathBuf {
    if path.exists() || path.components().count() != 1 {
        return path.to_owned();
    }
    let mut on_shelves = shelves().into_iter().map(|shelf| shelf.join(path));
    on_shelves
        .find(|there| there.is_dir())
        .unwrap_or_else(|| path.to_owned())
}
