// SPDX-License-Identifier: GPL-2.0-or-later
//! Finds running QEMUs and their QMP sockets, from their command lines in `/proc`, and why a socket
//! is silent. Nothing is connected to.

mod cmdline;
mod found;
mod holders;
mod netlink;
mod scan;
mod silence;
mod sockets;
mod tables;
mod tcp;

pub use self::found::{Holder, Manager, Socket, Vm};
pub use self::scan::{discover, of_process};
pub use self::silence::{Silence, silence};
