//! The QMP server without its sockets: bytes in, bytes out, time told from outside.
//!
//! Everything here behaves as QEMU's monitor does, whatever machine stands behind it (see [`Backend`]).

mod backend;
mod descriptors;
mod dispatcher;
mod monitor;
mod queue;
mod request;
mod throttle;

pub use crate::fault::Output;
pub use backend::{
    Backend, Call, CommandStatus, Execution, Failure, Leftovers, Outcome, Unavailable, Unmatched,
};
pub use descriptors::Descriptors;
pub use dispatcher::Core;
pub use monitor::MonitorOptions;
