// SPDX-License-Identifier: GPL-2.0-or-later
//! A machine that has a real QEMU behind it, which answers later.

use super::execution::Execution;

/// The way to a QEMU that answers what the machine itself cannot. A command whose execution
/// [waits](Execution::waits) is answered when [`Link::completed`] says how.
pub trait Link: Send {
    /// QEMU sent bytes.
    fn received(&mut self, bytes: &[u8]);

    /// QEMU closed the connection.
    fn closed(&mut self);

    /// What came of the command that waits, once that is known.
    fn completed(&mut self) -> Option<Execution>;

    /// Whether the machine has ended with its QEMU.
    fn is_over(&self) -> bool;
}
