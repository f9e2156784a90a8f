// SPDX-License-Identifier: GPL-2.0-or-later
//! The program around the engine: what commands ask of it.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use crate::qmp::BoxFuture;

/// What a route may do to the VM beyond what the command is for.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Nothing.
    #[default]
    Safe,
    /// Stops it for a moment.
    Pausing,
    /// Could kill or change it somewhere.
    Risky,
}

impl Risk {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Safe, Self::Pausing, Self::Risky];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Pausing => "pausing",
            Self::Risky => "risky",
        }
    }

    /// What that means, behind the word.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Safe => "nothing but what the line is for happens to the VM",
            Self::Pausing => "the VM may be stopped for a moment",
            Self::Risky => "what could harm the VM somewhere may be used",
        }
    }
}

/// How far something is that a line waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// What is done.
    pub done: u64,
    /// What there is to do altogether, as far as it is known; it may grow.
    pub total: u64,
    /// Whether both are bytes; else they are steps of its own.
    pub bytes: bool,
}

/// What became of a program that left something in QEMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It runs: what is its own is left alone.
    Lives,
    /// It is gone: what it left may be cleared away.
    Gone,
    /// Nobody here can say, as yet.
    Unknown,
}

/// What a command needs of the program around it. Every method has an answer for programs that
/// offer nothing.
pub trait Host: Send + Sync {
    /// Waits, for commands that poll a job.
    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()>;

    /// What the line that runs waits for is at this stage, for a program that shows it.
    fn stage(&self, stage: Stage) {
        let _ = stage;
    }

    /// Asks the user for a secret, with `prompt`; `None` where nobody can be asked.
    fn secret<'a>(&'a self, prompt: &'a str) -> BoxFuture<'a, Option<String>> {
        let _ = prompt;
        Box::pin(async { None })
    }

    /// The wall clock and its offset from UTC at that moment, both in seconds, for `seconds` since
    /// 1970 or, with `None`, for now.
    fn local_time(&self, seconds: Option<i64>) -> (i64, i32);

    /// An open descriptor for `getfd NAME`: one that the user gave this name to (`hmp --fd NAME=N`),
    /// or that came with the line.
    fn descriptor(&self, name: &str) -> Option<OwnedFd> {
        let _ = name;
        None
    }

    /// A new, empty file that lives in memory only, for guest memory that QEMU is asked to write;
    /// `None` where the program can't make one.
    fn memory_file(&self) -> Option<Box<dyn MemoryFile>> {
        None
    }

    /// A new, empty file that only this user can read, for a QEMU that can't be passed a
    /// descriptor; `None` where the program makes none.
    fn private_file(&self) -> Option<Box<dyn PrivateFile>> {
        None
    }

    /// Text that names this program and this moment, and is different each time: what is left in
    /// QEMU for a while carries it. Letters of ASCII, digits and dots; `None` where nothing is
    /// marked.
    fn owner(&self) -> Option<String> {
        None
    }

    /// What became of the program that gave itself this text as its [`owner`](Self::owner).
    fn fate(&self, owner: &str) -> Fate {
        let _ = owner;
        Fate::Unknown
    }

    /// The lines typed so far, oldest first; `None` where there is no line editing.
    fn history(&self) -> Option<Vec<String>> {
        None
    }
}

/// A host without a clock and without a user: for tests and one-line uses.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHost;

impl Host for NoHost {
    fn sleep(&self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn local_time(&self, seconds: Option<i64>) -> (i64, i32) {
        (seconds.unwrap_or(0), 0)
    }
}

/// A file without a name, of which QEMU gets a descriptor.
pub trait MemoryFile: Send + Sync {
    /// The descriptor, open for reading and writing.
    fn fd(&self) -> BorrowedFd<'_>;

    /// Its content, at most `limit` bytes from the start.
    fn read(&self, limit: usize) -> std::io::Result<Vec<u8>>;
}

/// A private file with a name that nobody can guess, for a QEMU that takes no descriptor. Dropped,
/// it is removed.
pub trait PrivateFile: Send + Sync {
    /// Its absolute path.
    fn path(&self) -> &str;

    /// Takes its content out, at most `limit` bytes from the start; the file is empty then.
    fn take(&self, limit: usize) -> std::io::Result<Vec<u8>>;
}
