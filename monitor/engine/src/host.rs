// SPDX-License-Identifier: GPL-2.0-or-later
//! The program around the engine: what commands ask of it.

use std::fmt;
use std::time::Duration;

use crate::qmp::BoxFuture;
use crate::qmp::fd::{BorrowedFd, OwnedFd};

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

/// What a command needs of the program around it. Every method but two has an answer for programs
/// that offer nothing.
///
/// # Example
///
/// A program with memory of its own to show:
///
/// ```
/// use std::time::Duration;
///
/// use hmp_engine::host::{Access, GuestMemory, Host, Place};
/// use hmp_engine::qmp::BoxFuture;
///
/// struct Ours(Vec<u8>);
///
/// impl GuestMemory for Ours {
///     fn read(&self, place: Place, into: &mut [u8]) -> Access {
///         let start = usize::try_from(place.address).unwrap_or(usize::MAX);
///         let end = start.saturating_add(into.len());
///         match self.0.get(start..end) {
///             Some(bytes) => {
///                 into.copy_from_slice(bytes);
///                 Access::Done
///             }
///             None => Access::Refused,
///         }
///     }
/// }
///
/// impl Host for Ours {
///     fn sleep(&self, _: Duration) -> BoxFuture<'_, ()> {
///         Box::pin(async {})
///     }
///
///     fn local_time(&self, seconds: Option<i64>) -> (i64, i32) {
///         (seconds.unwrap_or_default(), 0)
///     }
///
///     fn memory(&self) -> Option<&dyn GuestMemory> {
///         Some(self)
///     }
/// }
/// ```
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

    /// Sockets that QEMU serves for longer than a line; `None` where the program has no part in
    /// them.
    fn sockets(&self) -> Option<&dyn Sockets> {
        None
    }

    /// Says something to the user that is no part of an answer.
    fn say(&self, text: &str) {
        let _ = text;
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

    /// The program's own access to guest memory, for `x`, `xp` and `sum`; `None` where memory is read
    /// over QMP.
    fn memory(&self) -> Option<&dyn GuestMemory> {
        None
    }

    /// The program's own disassembler, for the format `i` of `x` and `xp`; `None` where the engine
    /// disassembles by itself, as far as it can.
    fn disassembler(&self) -> Option<&dyn Disassembler> {
        None
    }

    /// What `help` says of a command, in place of the engine's own words: that of `NAME`, of `info
    /// NAME`, or of a log item, `log NAME`, without a line end. Names and arguments are QEMU's in any
    /// case.
    fn help(&self, command: &str) -> Option<String> {
        let _ = command;
        None
    }
}

/// A place in guest memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whether the address is a physical one, else a virtual one as the CPU sees it.
    pub physical: bool,
    /// The address.
    pub address: u64,
    /// The CPU that the user has chosen; `None` for the first one.
    pub cpu: Option<i64>,
}

/// What came of an access to guest memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// All of it was read.
    Done,
    /// Some of it can't be accessed.
    Refused,
    /// There is no such CPU.
    NoCpu,
}

/// Guest memory as the program around the engine reads it.
pub trait GuestMemory: Send + Sync {
    /// Reads as many bytes as `into` has: a line of `x` at a time, so that a device is asked as the
    /// built-in monitor asks it.
    fn read(&self, place: Place, into: &mut [u8]) -> Access;
}

/// The disassembler of the program around the engine.
pub trait Disassembler: Send + Sync {
    /// Writes `count` instructions as the built-in monitor shows them, a line each, and what it says
    /// where memory can't be accessed.
    fn disassemble(&self, place: Place, count: i32, out: &mut dyn fmt::Write) -> Access;
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

/// Unix sockets that QEMU serves and that only this user can reach.
pub trait Sockets: Send + Sync {
    /// The path of one that QEMU is to make, in a new folder that only this user can enter; `None`
    /// where there can be none.
    fn lasting(&self) -> Option<String>;

    /// Takes back the folder of one that was not made.
    fn forget(&self, path: &str);

    /// Sends lines, one after the other, and returns the line that answers each, both without line
    /// ends. An error where this is not such a socket, or nothing answers in time.
    fn exchange<'a>(
        &'a self,
        path: &'a str,
        lines: &'a [String],
    ) -> BoxFuture<'a, std::io::Result<Vec<String>>>;
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
