// SPDX-License-Identifier: GPL-2.0-or-later
//! Where files are written that requests name: not where they say, unless that is asked for.

use std::io;
use std::path::{Component, Path, PathBuf};

/// Where files are written that requests name. Passed descriptors are the client's own, and always
/// written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Files {
    /// Below a temporary folder that goes with the mock.
    #[default]
    Temporary,
    /// Below this folder, each with its whole path.
    Below(PathBuf),
    /// Where the request says, if an empty file waits there, as clients make one for themselves; else
    /// below a temporary folder.
    WhereEmpty,
    /// Nowhere; the request succeeds all the same.
    Nowhere,
    /// Where the request says.
    Real,
}

/// The same, with the temporary folder once there is one.
#[derive(Debug, Default)]
pub(super) struct Place {
    files: Files,
    temporary: Option<tempfile::TempDir>,
}

impl From<Files> for Place {
    fn from(files: Files) -> Self {
        Self {
            files,
            temporary: None,
        }
    }
}

impl Place {
    /// Creates the file for a path, with the folders that it needs; `None` where nothing is written.
    pub(super) fn create(&mut self, path: &str) -> io::Result<Option<std::fs::File>> {
        let empty = (self.files == Files::WhereEmpty).then(|| empty_file(path));
        if let Some(file) = empty.flatten() {
            return Ok(Some(file));
        }
        let below = match &self.files {
            Files::Real => return std::fs::File::create(path).map(Some),
            Files::Nowhere => return Ok(None),
            Files::Below(folder) => folder.clone(),
            Files::Temporary | Files::WhereEmpty => match &self.temporary {
                Some(folder) => folder.path().to_owned(),
                None => {
                    let folder = tempfile::Builder::new()
                        .prefix("mock-qmp-files-")
                        .tempdir()?;
                    self.temporary.insert(folder).path().to_owned()
                }
            },
        };
        let file = inside(&below, Path::new(path));
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::File::create(file).map(Some)
    }
}

/// The file, opened, if it is there and holds nothing.
fn empty_file(path: &str) -> Option<std::fs::File> {
    let is_empty = |metadata: std::fs::Metadata| metadata.is_file() && metadata.len() == 0;
    // A link may lead to what somebody else needs.
    std::fs::symlink_metadata(path)
        .ok()
        .filter(|metadata| is_empty(metadata.clone()))?;
    let file = std::fs::OpenOptions::new().write(true).open(path).ok()?;
    file.metadata().is_ok_and(is_empty).then_some(file)
}

/// The path below a folder, whatever it says.
fn inside(folder: &Path, path: &Path) -> PathBuf {
    let names = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name),
        _ => None,
    });
    folder.join(names.collect::<PathBuf>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out() {
        for (path, place) in [
            ("/tmp/x", "/own/tmp/x"),
            ("../../etc/x", "/own/etc/x"),
            ("/a/../../b", "/own/a/b"),
            ("x", "/own/x"),
        ] {
            assert_eq!(inside(Path::new("/own"), Path::new(path)), Path::new(place));
        }
    }

    #[test]
    fn only_what_is_empty_is_written_where_the_request_says() {
        use std::io::Write as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let name = path.to_str().unwrap();
        std::fs::write(&path, "").unwrap();
        let mut place = Place::from(Files::WhereEmpty);
        for text in ["first", "second"] {
            let mut file = place.create(name).unwrap().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"first");
        }
    }

    #[test]
    fn files_are_where_they_were_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("real");
        let path = real.to_str().unwrap();
        let own = folder.path().join("own");
        for (files, there) in [
            (Files::Nowhere, None),
            (Files::Temporary, None),
            (Files::Below(own.clone()), Some(inside(&own, &real))),
            (Files::Real, Some(real.clone())),
        ] {
            let mut place = Place::from(files.clone());
            let created = place.create(path).unwrap();
            assert_eq!(created.is_none(), files == Files::Nowhere);
            assert_eq!(real.exists(), files == Files::Real);
            assert!(there.is_none_or(|file| file.exists()), "{files:?}");
        }
    }
}
