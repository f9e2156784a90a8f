// SPDX-License-Identifier: GPL-2.0-or-later
//! Finds the QMP sockets of running QEMUs, from their command lines in `/proc`. Nothing is
//! connected to.

mod cmdline;
mod found;
mod scan;
mod sockets;

pub use self::found::{Found, Manager};
pub use self::scan::discover;
