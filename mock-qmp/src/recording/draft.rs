// SPDX-License-Identifier: GPL-2.0-or-later
//! A file that takes its place when it is complete. Until then it is beside it, as `NAME.part`, and
//! what has the place stays.
//!
//! Recordings may hold what secrets are not known to be: nobody but the owner reads a new file until
//! the owner changes its mode. A file that replaces another keeps the other's.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::error::RecordingError;

/// The file while it is written.
#[derive(Debug)]
pub(super) struct Draft {
    path: PathBuf,
    /// Where it is until it is complete.
    part: Option<PathBuf>,
    file: BufWriter<File>,
}

/// Where a file is until it is complete.
fn part(path: &Path) -> PathBuf {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    part.into()
}

/// Creates a file that only its owner may read.
pub(super) fn private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Removes a file if there is one.
pub(super) fn remove(path: &Path) -> Result<(), RecordingError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(RecordingError::io(path)(error)),
        _ => Ok(()),
    }
}

/// Puts a whole file in its place.
pub(super) fn write(path: &Path, text: &str) -> Result<(), RecordingError> {
    let mut draft = Draft::create(path)?;
    draft.write(text)?;
    draft.finish()
}

impl Draft {
    /// Starts a file, which replaces what has its place in the end, and what an interrupted writer
    /// left beside it at once.
    pub(super) fn create(path: &Path) -> Result<Self, RecordingError> {
        remove(&part(path))?;
        Self::create_new(path)
    }

    /// Starts a file where there is none, nor one that is not complete.
    pub(super) fn create_new(path: &Path) -> Result<Self, RecordingError> {
        let part = part(path);
        let file = private(&part).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => RecordingError::Exists { path: part.clone() },
            _ => RecordingError::io(&part)(error),
        })?;
        Ok(Self {
            path: path.to_owned(),
            part: Some(part),
            file: BufWriter::new(file),
        })
    }

    /// Where it is once it is complete.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends text.
    pub(super) fn write(&mut self, text: &str) -> Result<(), RecordingError> {
        self.file
            .write_all(text.as_bytes())
            .map_err(RecordingError::io(&self.path))
    }

    /// Writes out what is in memory, and puts the file in its place unless it is there.
    pub(super) fn finish(&mut self) -> Result<(), RecordingError> {
        let mut place = || -> std::io::Result<()> {
            self.file.flush()?;
            let Some(part) = &self.part else {
                return Ok(());
            };
            if let Ok(replaced) = std::fs::metadata(&self.path) {
                std::fs::set_permissions(part, replaced.permissions())?;
            }
            std::fs::rename(part, &self.path)?;
            self.part = None;
            Ok(())
        };
        place().map_err(RecordingError::io(&self.path))
    }

    /// Removes the file, if it is not in its place.
    pub(super) fn discard(&mut self) -> Result<(), RecordingError> {
        self.part.take().map_or(Ok(()), |part| remove(&part))
    }
}
