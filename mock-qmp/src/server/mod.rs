//! The QMP server without its sockets: bytes in, bytes out, time told from outside.
//!
//! Everything here behaves as QEMU's monitor does, whatever machine stands behind it (see [`Backend`]).

mod backend;
mod core;
mod descriptors;
mod faulty;
mod monitor;
mod output;
mod request;
mod throttle;

pub use self::core::Core;
pub use backend::{
    Backend, Call, CommandStatus, Execution, Failure, Leftovers, Outcome, Unavailable, Unmatched,
};
pub use descriptors::Descriptors;
pub use monitor::MonitorOptions;
pub use output::Output;
