// SPDX-License-Identifier: GPL-2.0-or-later
//! Exit codes.

use std::process::ExitCode;

use crate::repl::signals::Caught;

/// How `hmp` ends. Where several apply, the first of usage, unconnected, signal, lost and
/// failed counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything asked for was done.
    Success,
    /// Some command failed.
    Failed,
    /// The command line is not understood.
    Usage,
    /// There is no connection.
    Unconnected,
    /// The connection was lost with work left or in flight.
    Lost,
    /// A signal asked for the end: 128 and its number, as a shell says it.
    Signal(Caught),
}

impl Exit {
    /// The number for the system.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Unconnected => 3,
            Self::Lost => 4,
            Self::Signal(caught) => 128 + caught.number(),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
