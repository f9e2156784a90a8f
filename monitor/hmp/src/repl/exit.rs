// SPDX-License-Identifier: GPL-2.0-or-later
//! Exit codes.

use std::process::ExitCode;

/// How `hmp` ends. Where several apply, the first of usage, unconnected, lost and failed counts.
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
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
