// SPDX-License-Identifier: GPL-2.0-or-later
//! The QMP server without its sockets: bytes in, bytes out, the time given from outside.
//!
//! Everything here behaves as QEMU's monitor does, whatever machine is behind it (see
//! [`Backend`]).

mod backend;
mod descriptors;
mod dispatcher;
mod execution;
mod files;
mod leftovers;
mod link;
mod machine;
mod monitor;
mod queue;
mod request;
mod running;
mod seen;
mod throttle;

pub use crate::fault::Output;
pub use crate::schema::Failure;
pub use crate::timestamp::{shutdown, timestamp};
pub use backend::{Backend, Call, Known};
pub use descriptors::Descriptors;
pub use dispatcher::Core;
pub use execution::{Execution, Outcome};
pub use files::Files;
pub use leftovers::{Difference, Leftovers, Unmatched};
pub use link::Link;
pub use monitor::MonitorOptions;
pub use seen::SeenRequest;
