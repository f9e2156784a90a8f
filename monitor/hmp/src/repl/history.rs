// SPDX-License-Identifier: GPL-2.0-or-later
//! The lines of this and earlier sessions: where they are kept, and what `info history` shows.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hmp_engine::format::sign::Sign as _;
use rustix::fs::OFlags;

use crate::repl::own::secrets;
use crate::terminal::escape::is_harmless;

/// Lines that the built-in monitor remembers.
const SHOWN: usize = 64;

/// The lines of this session, as the built-in keeps them: a repeated line moves to the end.
#[derive(Debug, Default)]
pub(super) struct Session(Mutex<Vec<String>>);

impl Session {
    pub(super) fn add(&self, line: &str) {
        if line.trim().is_empty() || secrets::may_hold_one(line) {
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

/// Lines that the file keeps; it is cut down to them when it has twice as many.
const KEPT: usize = 1000;

/// Most bytes of the file that are read, from its end: the latest lines are there.
const READ: u64 = 4 << 20;

/// Bytes of a line that is kept. Longer ones are pasted data, and a few of them would be all that is
/// read.
const LONGEST: usize = 1 << 16;

/// The history's file.
#[derive(Debug)]
pub(super) struct HistoryFile {
    path: PathBuf,
    file: File,
}

impl HistoryFile {
    /// Opens the file, or makes it, shut to others. Only a regular file will do, not a link to one
    /// or a pipe; the folder above ours must be there: who has no home gets none made.
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            make(folder)?;
        }
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(flags.bits().as_signed())
            .open(&path)?;
        if !file.metadata()?.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        file.set_permissions(Permissions::from_mode(0o600))?;
        Ok(Self { path, file })
    }

    /// The lines, oldest first.
    pub(super) fn load(&mut self) -> Vec<String> {
        let Ok((bytes, whole)) = self.read() else {
            return Vec::new();
        };
        let text = String::from_utf8_lossy(&bytes);
        let lines = text
            .lines()
            // What a cut begins with is the rest of a line.
            .skip(usize::from(!whole))
            // The first line of files of another kind.
            .filter(|line| !line.is_empty() && *line != "#V2")
            .filter(|line| is_kept(line));
        let mut lines: Vec<String> = lines.map(str::to_owned).collect();
        if lines.len() > 2 * KEPT || !whole {
            lines.drain(..lines.len().saturating_sub(KEPT));
            let _ = self.replace(&lines);
        }
        lines
    }

    /// The end of the file, and whether that is all of it.
    fn read(&self) -> io::Result<(Vec<u8>, bool)> {
        let mut file = &self.file;
        let length = file.metadata()?.len();
        let start = length.saturating_sub(READ);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(READ).read_to_end(&mut bytes)?;
        Ok((bytes, start == 0))
    }

    /// Adds a line.
    pub(super) fn add(&mut self, line: &str) {
        if is_kept(line) {
            // A session that was killed, or a full disk, may have left a line without its end.
            let end = if self.is_cut() { "\n" } else { "" };
            // In one piece: another session may write too. Without a place for it there is none.
            let _ = self.file.write_all(format!("{end}{line}\n").as_bytes());
        }
    }

    /// Whether the last line has no end.
    fn is_cut(&self) -> bool {
        let length = self.file.metadata().map_or(0, |metadata| metadata.len());
        let mut last = [b'\n'];
        let read = length
            .checked_sub(1)
            .map(|at| self.file.read_at(&mut last, at));
        matches!(read, Some(Ok(1))) && last != *b"\n"
    }

    /// Writes the lines beside the file, and puts them in its place.
    fn replace(&mut self, lines: &[String]) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut beside = tempfile::NamedTempFile::new_in(folder)?;
        for line in lines {
            writeln!(beside, "{line}")?;
        }
        beside.persist(&self.path)?;
        *self = Self::open(self.path.clone())?;
        Ok(())
    }
}

/// Whether a line is kept: no line of ours steers the terminal.
fn is_kept(line: &str) -> bool {
    line.len() <= LONGEST && is_harmless(&line.replace('\t', " "))
}

/// Makes our folder, and those between it and a home that is there, shut to others.
fn make(folder: &Path) -> io::Result<()> {
    // `hmp` in `state` in `.local`: what is above those is somebody's home, or a place that was
    // named.
    let missing: Vec<&Path> = folder
        .ancestors()
        .take_while(|path| !path.exists())
        .collect();
    if missing.len() > 3 {
        return Err(io::ErrorKind::NotFound.into());
    }
    if missing.len() > 1
        && !missing
            .last()
            .is_some_and(|top| top.ends_with(".local") || top.ends_with("state"))
    {
        return Err(io::ErrorKind::NotFound.into());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    fs::set_permissions(folder, Permissions::from_mode(0o700))
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
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join(".local/state/hmp/history");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        HistoryFile::open(file.clone()).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        fs::write(&file, "kept\n").unwrap();
        let mut history = HistoryFile::open(file.clone()).unwrap();
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(file.parent().unwrap()), 0o700);
        history.add("more");
        history.add("two\nlines");
        assert_eq!(history.load(), ["kept", "more"]);
    }

    #[test]
    fn a_home_that_is_missing_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("nobody");
        assert!(HistoryFile::open(home.join(".local/state/hmp/history")).is_err());
        assert!(!home.exists());
        let state = folder.path().join("named");
        assert!(HistoryFile::open(state.join("hmp/history")).is_err());
        fs::create_dir(&state).unwrap();
        assert!(HistoryFile::open(state.join("hmp/history")).is_ok());
    }

    #[test]
    fn links_and_pipes_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        fs::write(&target, "x").unwrap();
        fs::set_permissions(&target, Permissions::from_mode(0o644)).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(HistoryFile::open(link).is_err());
        let mode = fs::metadata(&target).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        if made.is_ok_and(|status| status.success()) {
            assert!(HistoryFile::open(pipe).is_err());
        }
    }

    #[test]
    fn a_long_file_is_cut_down() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history");
        let lines: String = (0..2 * KEPT + 1).map(|n| format!("line {n}\n")).collect();
        fs::write(&path, lines).unwrap();
        let mut history = HistoryFile::open(path.clone()).unwrap();
        assert_eq!(history.load().len(), KEPT);
        history.add("last");
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), KEPT + 1);
        assert!(text.ends_with(&format!("line {}\nlast\n", 2 * KEPT)));
    }

    #[test]
    fn of_a_big_file_the_latest_lines_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history");
        let count = 600_000;
        let lines: String = (0..count).map(|n| format!("line {n}\n")).collect();
        assert!(lines.len() as u64 > READ);
        fs::write(&path, lines).unwrap();
        let mut history = HistoryFile::open(path.clone()).unwrap();
        let loaded = history.load();
        assert_eq!(loaded.len(), KEPT);
        assert_eq!(loaded.last(), Some(&format!("line {}", count - 1)));
        history.add("last");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.ends_with(&format!("line {}\nlast\n", count - 1)));
    }

    #[test]
    fn long_lines_do_not_crowd_out_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history");
        fs::write(&path, format!("{}\nfirst\n", "x".repeat(5 << 20))).unwrap();
        let mut history = HistoryFile::open(path.clone()).unwrap();
        history.add(&"y".repeat(LONGEST + 1));
        assert_eq!(history.load(), ["first"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "first\n");
    }

    #[test]
    fn a_line_without_its_end_stays_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history");
        fs::write(&path, "info sta").unwrap();
        let mut history = HistoryFile::open(path).unwrap();
        history.add("info name");
        history.add("info status");
        assert_eq!(history.load(), ["info sta", "info name", "info status"]);
    }
}
