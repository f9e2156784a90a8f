//! A mock QEMU: serves recorded QMP sessions as the QEMU that was recorded would.

pub mod commands;
mod fault;
pub mod import;
pub mod json;
mod mock;
pub mod record;
pub mod recording;
pub mod replay;
pub mod schema;
mod script;
pub mod serve;
pub mod server;

pub use fault::{Fault, FaultError, FaultKind};
pub use mock::MockQmp;
pub use recording::{Recording, RecordingError};
pub use replay::{Mode, Timing};
pub use script::Answer;
pub use serve::{Address, Server};
pub use server::{Leftovers, MonitorOptions, Unmatched};
