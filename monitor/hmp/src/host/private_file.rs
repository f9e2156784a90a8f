// SPDX-License-Identifier: GPL-2.0-or-later
//! Private files for guest memory on its way from a QEMU that can't be passed a descriptor: mode
//! 0600, in a folder of their own with mode 0700, under names of 16 random letters and digits each.
//! A name that exists here only, and that nobody could have made elsewhere, keeps a QEMU of another
//! machine from writing anything.

use std;
use std::fs::{File, Permissions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hmp_engine::host::PrivateFile;
use tempfile::{Builder, NamedTempFile, TempDir};

const RANDOM: usize = 16;

struct Private {
    path: String,
    // Fields are dropped in this order: the folder is empty when its turn comes.
    file: NamedTempFile,
    _folder: TempDir,
}

/// A new one in a new folder below `parent`; `None` where it can't be made, or where its path is
/// not Unicode, as QMP's strings are. A program that is killed leaves both behind, with what was
/// not read yet.
#[must_use]
pub fn create(parent: &Path) -> Option<Box<dyn PrivateFile>> {
    let parent = std::path::absolute(parent).ok()?;
    let folder = Builder::new()
        .prefix("hmp-")
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
    use std::os::unix::fs::MetadataExt;

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
}
