// SPDX-License-Identifier: GPL-2.0-or-later
//! Standard input and output as they really are. Those of `std` take one that is closed, or open
//! the wrong way, for an empty or endless one, and an error would be lost. Whoever shares them may
//! have made them non-blocking: that is waited out.

use std::fs::File;
use std::io::{self, BufReader, LineWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

/// A bit for each stream that was closed when the program started: `std` opens `/dev/null` in its
/// place before `main`.
static CLOSED: AtomicU8 = AtomicU8::new(0);
const INPUT: u8 = 1;
const OUTPUT: u8 = 2;

extern "C" fn look() {
    let closed = |stream| rustix::io::fcntl_getfd(stream) == Err(Errno::BADF);
    if closed(rustix::stdio::stdin()) {
        CLOSED.fetch_or(INPUT, Ordering::Relaxed);
    }
    if closed(rustix::stdio::stdout()) {
        CLOSED.fetch_or(OUTPUT, Ordering::Relaxed);
    }
}

#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "the C runtime calls what is in this section before main"
)]
// SAFETY: an entry of the section is a function that can be called with C's convention, and this
// one needs nothing of Rust's runtime: two system calls and an atomic.
#[unsafe(link_section = ".init_array")]
#[used]
static LOOK: extern "C" fn() = look;

/// Standard output, written line by line.
pub(super) fn stdout() -> Box<dyn Write + Send> {
    match file(io::stdout().as_fd(), OUTPUT) {
        Ok(file) => Box::new(LineWriter::new(file)),
        Err(error) => Box::new(Unusable(error)),
    }
}

/// Standard input.
pub(super) fn stdin() -> io::Result<BufReader<impl Read>> {
    Ok(BufReader::new(file(io::stdin().as_fd(), INPUT)?))
}

/// A descriptor of our own for a stream.
fn file(stream: BorrowedFd<'_>, bit: u8) -> io::Result<Patient> {
    if CLOSED.load(Ordering::Relaxed) & bit != 0 {
        return Err(Errno::BADF.into());
    }
    Ok(Patient(stream.try_clone_to_owned()?.into()))
}

/// A file that blocks, whatever its mode.
struct Patient(File);

impl Patient {
    /// Runs `work` until it does not ask to wait.
    fn patiently<T>(
        &mut self,
        flags: PollFlags,
        mut work: impl FnMut(&mut File) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            match work(&mut self.0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match poll(&mut [PollFd::new(&self.0, flags)], None) {
                        Ok(_) | Err(Errno::INTR) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                done => return done,
            }
        }
    }
}

impl Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.patiently(PollFlags::IN, |file| file.read(buffer))
    }
}

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.patiently(PollFlags::OUT, |file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A stream that nothing can be written to, and why.
struct Unusable(io::Error);

impl Write for Unusable {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        let number = self.0.raw_os_error();
        Err(number.map_or_else(|| self.0.kind().into(), io::Error::from_raw_os_error))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
