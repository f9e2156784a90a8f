// SPDX-License-Identifier: GPL-2.0-or-later
//! What can be wrong with a recording.

use std::path::PathBuf;

/// A recording that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// A file or folder is missing or unreadable.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// There is such a file already.
    #[error("{}: exists already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A folder has several topics, and none that is its main one.
    #[error("{}: one of its topics is to be named, as in {}/{}.qmp; there are {}", path.display(), path.display(), topics.first().map_or("TOPIC", String::as_str), topics.join(", "))]
    Topics {
        /// The folder.
        path: PathBuf,
        /// Its topics.
        topics: Vec<String>,
    },
    /// A line is not what the format says.
    #[error("{}:{line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// The file was written by a newer program.
    #[error("{}: format {found} is newer than {}, the newest known here", path.display(), super::line::FORMAT)]
    TooNew {
        /// The file.
        path: PathBuf,
        /// The version that it names.
        found: u32,
    },
    /// The machine description is not what the format says.
    #[error("{}: {problem}", path.display())]
    Machine {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file of schemas is not what its name says.
    #[error("{}: {problem}", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

impl RecordingError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn line(path: impl Into<PathBuf>, line: usize, problem: impl Into<String>) -> Self {
        Self::Line {
            path: path.into(),
            line,
            problem: problem.into(),
        }
    }
}
