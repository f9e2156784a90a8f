// SPDX-License-Identifier: GPL-2.0-or-later
//! Where recordings are, and which QEMU they are of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use hmp_engine::qmp::version::Version;
use mock_qmp::Recording;

use super::qemu::Qemu;

/// Why recordings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordingsError {
    /// The folder can't be read.
    #[error("{path}: {error}", path = .0.display(), error = .1)]
    Io(PathBuf, std::io::Error),
    /// There are none.
    #[error("{}: no recordings", .0.display())]
    Empty(PathBuf),
    /// One is broken, or could not be served.
    #[error("{0}: {1}")]
    Broken(String, String),
}

/// The topic files with text of the built-in below `path`, sorted.
pub fn topics(path: &Path) -> Result<Vec<PathBuf>, RecordingsError> {
    let found = files(path, "hmp")?.into_iter();
    Ok(found.map(|file| file.with_extension("qmp")).collect())
}

/// The files with recorded completions below `path`, sorted; there may be none.
pub fn completions(path: &Path) -> Result<Vec<PathBuf>, RecordingsError> {
    match files(path, "tab") {
        Err(RecordingsError::Empty(_)) => Ok(Vec::new()),
        found => found,
    }
}

/// The files with this ending below `path`, sorted.
pub fn files(path: &Path, ending: &str) -> Result<Vec<PathBuf>, RecordingsError> {
    let mut found = Vec::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        let io = |e| RecordingsError::Io(folder.clone(), e);
        for entry in std::fs::read_dir(&folder).map_err(io)? {
            let entry = entry.map_err(io)?.path();
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|e| e == ending) {
                found.push(entry);
            }
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(RecordingsError::Empty(path.to_owned()));
    }
    Ok(found)
}

/// Version and package of the QEMUs that were recorded below `path`.
pub fn builds(path: &Path) -> Result<BTreeMap<Qemu, BTreeSet<String>>, RecordingsError> {
    let mut found: BTreeMap<Qemu, BTreeSet<String>> = BTreeMap::new();
    let mut folder = None;
    for topic in topics(path)? {
        // One topic of a folder says as much as all of them.
        if topic.parent() == folder.as_deref() {
            continue;
        }
        folder = topic.parent().map(Path::to_owned);
        let recording = Recording::load(&topic)
            .map_err(|e| RecordingsError::Broken(topic.display().to_string(), e.to_string()))?;
        let said = recording.version();
        let package = match said.package.as_str() {
            "" => String::new(),
            package => format!(" ({package})"),
        };
        let build = format!("{}.{}.{}{package}", said.major, said.minor, said.micro);
        found.entry(qemu(&recording)).or_default().insert(build);
    }
    Ok(found)
}

/// The QEMU that was recorded.
#[must_use]
pub fn qemu(recording: &Recording) -> Qemu {
    let arch = recording.machine().map_or("", |m| m.arch.as_str());
    Qemu::new(version(recording), arch)
}

/// Its version, with the number of the stable update.
#[must_use]
pub fn version(recording: &Recording) -> Version {
    let version = recording.version();
    Version {
        major: version.major,
        minor: version.minor,
        micro: version.micro,
    }
}
