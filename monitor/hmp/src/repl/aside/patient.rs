// SPDX-License-Identifier: GPL-2.0-or-later
//! Files that may keep whoever uses them waiting: pipes without another end, terminals, devices. They
//! are waited for on a thread of its own, until the user gives up: one that went on waiting would take
//! what is written later.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hmp_engine::format::sign::Sign as _;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;

/// How soon it is noticed that the user gave up.
const GLANCE: Duration = Duration::from_millis(50);

/// Whether the user gave up.
#[derive(Clone, Debug, Default)]
pub(in crate::repl) struct Patience(Arc<AtomicBool>);

impl Patience {
    /// The user gave up.
    pub(in crate::repl) fn end(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// What there is in a file, `limit` bytes of it at most.
    pub(in crate::repl) fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let file = waiting_for_nobody(OpenOptions::new().read(true)).open(path)?;
        if file.is_terminal() {
            // What is typed there would be taken from who has it.
            return Err(io::Error::other("it is a terminal"));
        }
        let mut bytes = Vec::new();
        let mut file = file.take(limit);
        loop {
            self.wait(file.get_ref(), PollFlags::IN)?;
            match file.read_to_end(&mut bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done.map(|_| bytes),
            }
        }
    }

    /// Opens a file to write to it.
    pub(in crate::repl) fn open(&self, options: &mut OpenOptions, path: &Path) -> io::Result<File> {
        let options = waiting_for_nobody(options);
        loop {
            match options.open(path) {
                // Nobody reads that pipe.
                Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
                    std::thread::sleep(GLANCE);
                    self.lasts()?;
                }
                opened => return opened,
            }
        }
    }

    /// Writes all.
    pub(in crate::repl) fn write(&self, file: &mut File, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.wait(file, PollFlags::OUT)?;
            match file.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                    ) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn wait(&self, file: &File, flags: PollFlags) -> io::Result<()> {
        let limit = Timespec {
            tv_sec: 0,
            tv_nsec: GLANCE.subsec_nanos().into(),
        };
        loop {
            match poll(&mut [PollFd::new(file, flags)], Some(&limit)) {
                Ok(0) | Err(Errno::INTR) => self.lasts()?,
                Ok(_) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn lasts(&self) -> io::Result<()> {
        match self.0.load(Ordering::Relaxed) {
            true => Err(io::ErrorKind::Interrupted.into()),
            false => Ok(()),
        }
    }
}

fn waiting_for_nobody(options: &mut OpenOptions) -> &mut OpenOptions {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    options.custom_flags(flags.bits().as_signed())
}
