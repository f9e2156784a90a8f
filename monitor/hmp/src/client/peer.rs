// SPDX-License-Identifier: GPL-2.0-or-later
//! The process at the other end of a unix socket, as far as this machine shows it.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::net::sockopt::socket_peercred;
use tokio::net::UnixStream;

use crate::host::memfd;
use crate::host::owner::start_of;

/// Whether a process is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It runs, and it is a QEMU.
    Runs,
    /// It has ended.
    Ended,
    /// That can't be seen from here.
    Unknown,
}

/// A process, by its number and start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its number, as this process counts.
    pub pid: i32,
    start: u64,
    /// Whether it calls itself a QEMU. A socket that a manager made for its QEMU shows the manager.
    qemu: bool,
}

impl Peer {
    /// Who made the socket that this connection leads to; `None` where that is nobody of this
    /// machine.
    pub(super) fn of(stream: &UnixStream) -> Option<Self> {
        let pid = socket_peercred(stream).ok()?.pid.as_raw_nonzero().get();
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        Some(Self {
            pid,
            start: start_of(pid)?,
            // `virtqemud` is a manager.
            qemu: name.starts_with("qemu") || name.trim_end() == "kvm",
        })
    }

    /// Whether it is there.
    #[must_use]
    pub fn life(&self) -> Life {
        match start_of(self.pid) {
            Some(start) if start == self.start && self.qemu => Life::Runs,
            Some(start) if start == self.start => Life::Unknown,
            _ => Life::Ended,
        }
    }

    /// The number by which it has a file open.
    pub(super) fn number_of(&self, fd: BorrowedFd<'_>) -> Option<i32> {
        let ours = rustix::fs::fstat(fd).ok()?;
        let folder = PathBuf::from(format!("/proc/{}/fd", self.pid));
        let entries = fs::read_dir(&folder).ok()?.flatten();
        // By its name first: asking after a file of another kind might wait for its server.
        let named = |path: &Path| fs::read_link(path).is_ok_and(|link| memfd::is_ours(&link));
        let same = |path: &Path| {
            fs::metadata(path).is_ok_and(|m| (m.dev(), m.ino()) == (ours.st_dev, ours.st_ino))
        };
        entries
            .filter(|entry| named(&entry.path()) && same(&entry.path()))
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            // Where it is this process itself: not ours.
            .find(|number| *number != fd.as_raw_fd() || !self.is_us())
    }

    /// Whether it may have files open that a program like this one made for it.
    pub(super) fn may_hold_ours(&self) -> bool {
        let Ok(entries) = fs::read_dir(format!("/proc/{}/fd", self.pid)) else {
            return true;
        };
        let ours = |entry: fs::DirEntry| match fs::read_link(entry.path()) {
            Ok(link) => memfd::is_ours(&link),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        };
        !self.qemu || entries.flatten().any(ours)
    }

    /// Whether it can open a path for reading and writing. Where it has our rights and our root, it
    /// can what we can.
    pub(super) fn can_open(&self, path: &str) -> Option<bool> {
        let its = PathBuf::from(format!("/proc/{}/root{path}", self.pid));
        match fs::symlink_metadata(&its) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Some(false),
            Err(_) => return None,
            Ok(_) => {}
        }
        let rights = |pid: &str| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            let lines = ["Uid:", "Gid:", "Groups:", "CapEff:", "Seccomp:"].map(|key| {
                let line = status.lines().find(|line| line.starts_with(key));
                line.map(str::to_owned)
            });
            Some(lines)
        };
        let same = rights("self")? == rights(&self.pid.to_string())?;
        same.then(|| File::options().read(true).write(true).open(its).is_ok())
    }

    /// Whether it calls itself a QEMU.
    pub(super) fn is_qemu(&self) -> bool {
        self.qemu
    }

    fn is_us(&self) -> bool {
        self.pid.unsigned_abs() == std::process::id()
    }

    /// Whether the descriptors of a QEMU, or of a mock in this process, can be seen. What passes
    /// requests on to a QEMU has other numbers than that.
    pub(super) fn is_open(&self) -> bool {
        (self.qemu || self.is_us()) && fs::read_dir(format!("/proc/{}/fd", self.pid)).is_ok()
    }
}
