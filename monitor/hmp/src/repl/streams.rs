// SPDX-License-Identifier: GPL-2.0-or-later
//! Standard input and output as they really are. Those of `std` take one that is closed, or open
//! the wrong way, for an empty or endless one, and an error would be lost.

use std::fs::File;
use std::io::{self, BufReader, LineWriter, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU8, Ordering};

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
        Err(_) => Box::new(Closed),
    }
}

/// Standard input.
pub(super) fn stdin() -> io::Result<BufReader<File>> {
    Ok(BufReader::new(file(io::stdin().as_fd(), INPUT)?))
}

/// A descriptor of our own for a stream.
fn file(stream: BorrowedFd<'_>, bit: u8) -> io::Result<File> {
    if CLOSED.load(Ordering::Relaxed) & bit != 0 {
        return Err(Errno::BADF.into());
    }
    Ok(stream.try_clone_to_owned()?.into())
}

/// A stream that is closed.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(Errno::BADF.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
