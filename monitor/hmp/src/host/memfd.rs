// SPDX-License-Identifier: GPL-2.0-or-later
//! Files that live in memory only (Linux's memfd), for guest memory on its way from QEMU.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use hmp_engine::host::MemoryFile;
use rustix::fs::MemfdFlags;

/// What `/proc` calls them, and their name.
const SHOWN: &str = "/memfd:";
const NAME: &str = "hmp";

struct Memfd(File);

/// A new, empty one; `None` where the system has none to give.
#[must_use]
pub fn create() -> Option<Box<dyn MemoryFile>> {
    let fd = rustix::fs::memfd_create(NAME, MemfdFlags::CLOEXEC).ok()?;
    Some(Box::new(Memfd(File::from(fd))))
}

/// Whether a link in `/proc/PID/fd` shows one that a program like this one made.
#[must_use]
pub fn is_ours(link: &Path) -> bool {
    let name = link.to_str().and_then(|link| link.strip_prefix(SHOWN));
    name.is_some_and(|name| name.split(' ').next() == Some(NAME))
}

impl MemoryFile for Memfd {
    fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    fn read(&self, limit: usize) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut file = &self.0;
        file.seek(SeekFrom::Start(0))?;
        file.take(limit as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    // QEMU opens the file anew by its number, and truncates it.
    #[test]
    fn what_another_opening_writes_is_read() {
        use std::os::fd::AsRawFd;

        let file = create().unwrap();
        let path = format!("/proc/self/fd/{}", file.fd().as_raw_fd());
        File::create(&path).unwrap().write_all(b"abcdef").unwrap();
        assert_eq!(file.read(100).unwrap(), b"abcdef");
        File::create(&path).unwrap().write_all(b"xyz").unwrap();
        assert_eq!(file.read(2).unwrap(), b"xy");
    }

    #[test]
    fn the_system_shows_them_by_name() {
        use std::os::fd::AsRawFd;

        let file = create().unwrap();
        let path = format!("/proc/self/fd/{}", file.fd().as_raw_fd());
        assert!(is_ours(&std::fs::read_link(path).unwrap()));
        for other in ["/memfd:hmpx (deleted)", "/tmp/hmp", "socket:[5]"] {
            assert!(!is_ours(Path::new(other)), "{other}");
        }
    }
}
