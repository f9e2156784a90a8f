// SPDX-License-Identifier: GPL-2.0-or-later
//! What the engine needs of a QMP connection: one command in, one answer out.
//!
//! The engine knows no socket. The crate `hmp` has the implementation over unix and TCP sockets; a
//! test may bring its own.

pub mod fd;
pub mod quote;
pub mod version;

use std::future::Future;
use std::pin::Pin;

use serde::de::DeserializeOwned;
use serde_json::Value;

use self::fd::BorrowedFd;
use self::quote::quote;

/// A future that the engine can hold without knowing its type.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A connection that executes QMP commands.
///
/// Several commands may be in flight at once; each answer belongs to its own future. Dropping a
/// future gives the answer up, not the command: QEMU still carries it out.
///
/// # Example
///
/// A connection in front of another, which shows what is asked:
///
/// ```
/// use hmp_engine::qmp::fd::BorrowedFd;
/// use hmp_engine::qmp::{BoxFuture, Qmp, QmpResult};
/// use serde_json::Value;
///
/// struct Shown<Q>(Q);
///
/// impl<Q: Qmp> Qmp for Shown<Q> {
///     fn execute<'a>(&'a self, command: &'a str, arguments: Value) -> BoxFuture<'a, QmpResult> {
///         println!("{command} {arguments}");
///         self.0.execute(command, arguments)
///     }
///
///     fn execute_with_fd<'a>(
///         &'a self,
///         command: &'a str,
///         arguments: Value,
///         fd: BorrowedFd<'a>,
///     ) -> BoxFuture<'a, QmpResult> {
///         println!("{command} {arguments}, with a descriptor");
///         self.0.execute_with_fd(command, arguments, fd)
///     }
///
///     // All else is as there.
///     fn behind(&self) -> Option<&dyn Qmp> {
///         Some(&self.0)
///     }
/// }
/// ```
pub trait Qmp: Send + Sync {
    /// Executes `command` with `arguments` (an object, or null for none) and returns the `return`
    /// member of the reply.
    fn execute<'a>(&'a self, command: &'a str, arguments: Value) -> BoxFuture<'a, QmpResult>;

    /// As [`execute`](Self::execute), and passes an open descriptor with the command (SCM_RIGHTS),
    /// for `add-fd` and `getfd`. Connections that pass none, as here by default, answer
    /// [`QmpError::Unsupported`].
    fn execute_with_fd<'a>(
        &'a self,
        _command: &'a str,
        _arguments: Value,
        _fd: BorrowedFd<'a>,
    ) -> BoxFuture<'a, QmpResult> {
        let error = QmpError::Unsupported("this connection passes no descriptors".into());
        Box::pin(async { Err(error) })
    }

    /// The connection that this one is in front of, if it is: what comes below is by default as
    /// there.
    fn behind(&self) -> Option<&dyn Qmp> {
        None
    }

    /// Lines that follow may do as much to the VM as the user permits, in the word of that risk
    /// class: for those who write down what was sent. Nothing depends on it.
    fn permits(&self, allow: &str) {
        if let Some(behind) = self.behind() {
            behind.permits(allow);
        }
    }

    /// The `QMP` member of the greeting, where this side kept it: its `version` is what
    /// `query-version` answers.
    fn greeting(&self) -> Option<&Value> {
        self.behind()?.greeting()
    }

    /// Whether [`number_of`](Self::number_of) may have answers.
    fn sees_numbers(&self) -> bool {
        self.behind().is_some_and(Qmp::sees_numbers)
    }

    /// The number by which the process at the other end has this file open, as far as this side
    /// can see.
    fn number_of(&self, fd: BorrowedFd<'_>) -> Option<i32> {
        self.behind()?.number_of(fd)
    }

    /// Whether the process at the other end can open this path for reading and writing; `None` where
    /// this side can't say.
    fn can_open(&self, path: &str) -> Option<bool> {
        self.behind()?.can_open(path)
    }

    /// Whether the process at the other end may have files open that programs like this one gave it;
    /// so it is unless this side can see all that it has.
    fn may_hold_ours(&self) -> bool {
        self.behind().is_none_or(Qmp::may_hold_ours)
    }

    /// Whether QEMU may see the files of this machine. That it does is known only when one that it
    /// was asked to write has the content.
    fn may_share_files(&self) -> bool {
        self.behind().is_some_and(Qmp::may_share_files)
    }
}

/// What a QMP command answers.
pub type QmpResult = Result<Value, QmpError>;

/// Why a QMP command gave no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QmpError {
    /// QEMU answered with an error.
    #[error("{desc}")]
    Command {
        /// The error class: `GenericError`, `CommandNotFound`, `DeviceNotFound`, `DeviceNotActive`,
        /// ...
        class: String,
        /// QEMU's sentence.
        desc: String,
    },
    /// The connection ended before the answer came: what the command did is not known.
    #[error("connection to QEMU lost, outcome of {command} unknown")]
    Disconnected {
        /// The command that was in flight.
        command: String,
    },
    /// No answer came within the time allowed: what the command did is not known.
    #[error("no answer from QEMU within {seconds} s, outcome of {command} unknown")]
    Timeout {
        /// The command that was in flight.
        command: String,
        /// The limit, in seconds.
        seconds: u64,
    },
    /// Something that a command began got no further within the time allowed: how it ends is not
    /// known.
    #[error("{what} made no progress within {seconds} s, its outcome is unknown")]
    Stalled {
        /// What that is: a job's type, `migrate`.
        what: String,
        /// The limit, in seconds.
        seconds: u64,
    },
    /// The other end sent what is not QMP; the connection is closed, and what the command did is
    /// not known.
    #[error("not QMP: {reason}; outcome of {command} unknown")]
    Protocol {
        /// The command that was in flight.
        command: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The command's answer has a shape that is not known here; the connection goes on.
    #[error("unexpected answer to {command}: {reason}")]
    Unexpected {
        /// The command that was answered.
        command: String,
        /// What is wrong with its answer.
        reason: String,
    },
    /// This kind of connection cannot do what was asked (pass a descriptor over TCP, for example).
    #[error("{0}")]
    Unsupported(String),
}

impl QmpError {
    /// Whether QEMU says that it has no such command.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Command { class, .. } if class == "CommandNotFound")
    }

    /// A `GenericError` with this sentence.
    pub fn generic(desc: impl Into<String>) -> Self {
        Self::Command {
            class: "GenericError".into(),
            desc: desc.into(),
        }
    }

    /// An answer to `command` that can't be read, and why.
    pub fn unexpected(command: &str, reason: impl std::fmt::Display) -> Self {
        Self::Unexpected {
            command: command.to_owned(),
            reason: quote(&reason.to_string()).into_owned(),
        }
    }

    /// Whether nothing more can be expected of this connection.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(
            self,
            Self::Disconnected { .. }
                | Self::Timeout { .. }
                | Self::Stalled { .. }
                | Self::Protocol { .. }
        )
    }
}

/// Executes `command` and reads its answer as a `T`; [`QmpError::Unexpected`] where it has another
/// shape.
pub async fn query<T: DeserializeOwned>(
    qmp: &dyn Qmp,
    command: &str,
    arguments: Value,
) -> Result<T, QmpError> {
    let answer = qmp.execute(command, arguments).await?;
    serde_json::from_value(answer).map_err(|error| QmpError::unexpected(command, error))
}
