// SPDX-License-Identifier: GPL-2.0-or-later
//! The lines of this and earlier sessions: where they are kept, and what `info history` shows.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hmp_engine::engine::secret;

/// Lines that the built-in monitor remembers.
const SHOWN: usize = 64;

/// The lines of this session, as the built-in keeps them: a repeated line moves to the end.
#[derive(Debug, Default)]
pub(super) struct Session(Mutex<Vec<String>>);

impl Session {
    pub(super) fn add(&self, line: &str) {
        if line.trim().is_empty() || secret::may_hold_one(line) {
            return;
        }
        let mut lines = self.lock();
        lines.retain(|known| known != line);
        if lines.len() == SHOWN {
            lines.remove(0);
        }
        lines.push(line.to_owned());
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The file that outlives sessions: `hmp/history` in `$XDG_STATE_HOME`, which defaults to
/// `~/.local/state`. Relative paths in that variable don't count, says the XDG base directory
/// specification.
pub(super) fn path(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Option<PathBuf> {
    let absolute = |name| {
        variable(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    Some(state?.join("hmp/history"))
}

/// Makes the file and its folder where they are missing, and shuts others out of both.
pub(super) fn prepare(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    }
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_lines_move_and_secrets_stay_out() {
        let session = Session::default();
        for line in ["a", "b", "a", " ", "set_password vnc x", "info history"] {
            session.add(line);
        }
        assert_eq!(session.lines(), ["b", "a", "info history"]);
        for number in 0..SHOWN {
            session.add(&number.to_string());
        }
        assert_eq!(session.lines().len(), SHOWN);
        assert_eq!(session.lines()[0], "0");
    }

    #[test]
    fn the_state_folder_is_xdgs() {
        let with = |state: &'static str, home: &'static str| {
            path(move |name| match name {
                "XDG_STATE_HOME" => Some(state.into()),
                "HOME" => Some(home.into()),
                _ => None,
            })
        };
        assert_eq!(with("/s", "/h"), Some("/s/hmp/history".into()));
        let default = Some("/h/.local/state/hmp/history".into());
        assert_eq!(with("", "/h"), default);
        assert_eq!(with("relative", "/h"), default);
        assert_eq!(with("", ""), None);
        assert_eq!(path(|_| None), None);
    }

    #[test]
    fn others_are_shut_out() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x/hmp/history");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        prepare(&file).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        fs::write(&file, "kept").unwrap();
        prepare(&file).unwrap();
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(file.parent().unwrap()), 0o700);
        assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
    }
}
