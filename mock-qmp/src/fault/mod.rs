// SPDX-License-Identifier: GPL-2.0-or-later
//! Faults: ways in which the other side of a QMP connection can go wrong, and what they make of
//! what is sent.

mod apply;
mod output;
mod table;
mod text;

pub(crate) use apply::{Faults, Message};
pub use output::Output;
pub use table::{FaultKind, fault_table};
pub use text::{Fault, FaultError};
