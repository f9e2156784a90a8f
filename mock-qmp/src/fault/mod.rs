//! Faults: ways in which the other side of a QMP connection can go wrong, and what they make of what is sent.

mod apply;
mod kind;
mod output;

pub(crate) use apply::{Faults, Message};
pub use kind::{Fault, FaultError, FaultKind};
pub use output::Output;
