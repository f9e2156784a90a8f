// SPDX-License-Identifier: GPL-2.0-or-later
//! Private files for guest memory on its way from a QEMU that can't be passed a descriptor: mode
//! 0600, in a folder of their own with mode 0700, under names of 16 random letters and digits each.
//! A name that exists here only, and that nobody could have made elsewhere, keeps a QEMU of another
//! machine from writing anything.

use std;
use std::fs::{File, Permissions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use hmp_engine::host::{Fate, PrivateFile};
use tempfile::{Builder, NamedTempFile, TempDir};

use crate::host::owner;

const RANDOM: usize = 16;

struct Private {
    path: String,
    // Fields are dropped in this order: the folder is empty when its turn comes.
    file: NamedTempFile,
    _folder: TempDir,
}

/// How the names of the folders start.
const PREFIX: &str = "hmp-";

/// A new one in a new folder below `parent`; `None` where it can't be made, or where its path is
/// not Unicode, as QMP's strings are. A program that is killed leaves both behind, with what was
/// not read yet; [`clear`] of a later one removes them.
#[must_use]
pub fn create(parent: &Path) -> Option<Box<dyn PrivateFile>> {
    let parent = std::path::absolute(parent).ok()?;
    let prefix = match owner::text() {
        Some(owner) => format!("{PREFIX}{owner}-"),
        None => PREFIX.to_owned(),
    };
    let folder = Builder::new()
        .prefix(&prefix)
        .rand_bytes(RANDOM)
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(parent)
        .ok()?;
    let file = Builder::new()
        .rand_bytes(RANDOM)
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(folder.path())
        .ok()?;
    Some(Box::new(Private {
        path: file.path().to_str()?.to_owned(),
        file,
        _folder: folder,
    }))
}

/// Removes from `parent` the folders of this user's programs that are gone.
pub fn clear(parent: &Path) {
    let user = rustix::process::geteuid().as_raw();
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.rsplit_once('-'));
        let gone = owner.is_some_and(|(owner, _)| owner::fate(owner) == Fate::Gone);
        // Of the entry itself, not of what a link names.
        if gone
            && entry
                .metadata()
                .is_ok_and(|m| m.is_dir() && m.uid() == user)
        {
            // What can't be removed stays for the next one.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

impl PrivateFile for Private {
    fn path(&self) -> &str {
        &self.path
    }

    // By the descriptor, not by the name.
    fn take(&self, limit: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut file: &File = self.file.as_file();
        file.seek(SeekFrom::Start(0))?;
        file.take(limit as u64).read_to_end(&mut bytes)?;
        file.set_len(0)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_user_can_read_it_and_nothing_is_left() {
        let parent = tempfile::tempdir().unwrap();
        let file = create(parent.path()).unwrap();
        let path = Path::new(file.path());
        let folder = path.parent().unwrap();
        assert_eq!(folder.parent().unwrap(), parent.path());
        assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o600);
        assert_eq!(folder.metadata().unwrap().mode() & 0o7777, 0o700);
        std::fs::write(path, "abc").unwrap();
        assert_eq!(file.take(2).unwrap(), b"ab");
        assert_eq!(path.metadata().unwrap().len(), 0);
        std::fs::write(path, "de").unwrap();
        assert_eq!(file.take(100).unwrap(), b"de");
        drop(file);
        assert_eq!(parent.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn no_folder_no_file() {
        assert!(create(Path::new("/no/such/folder")).is_none());
    }

    #[test]
    fn folders_of_programs_that_are_gone_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        let ours = create(parent.path()).unwrap();
        let mine = owner::text().unwrap();
        let (before, _) = mine.rsplit_once('.').unwrap();
        let (before, _) = before.rsplit_once('.').unwrap();
        let gone = parent.path().join(format!("hmp-{before}.0.0-abc"));
        let link = parent.path().join(format!("hmp-{before}.0.0-link"));
        let other = parent.path().join("hmp-other");
        let elsewhere = tempfile::tempdir().unwrap();
        for folder in [&gone, &other] {
            std::fs::create_dir(folder).unwrap();
            std::fs::write(folder.join("file"), "abc").unwrap();
        }
        std::os::unix::fs::symlink(elsewhere.path(), &link).unwrap();
        clear(parent.path());
        assert!(Path::new(ours.path()).exists());
        assert!(!gone.exists() && other.join("file").exists());
        assert!(link.exists() && elsewhere.path().exists());
    }
}
