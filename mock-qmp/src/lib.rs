//! A mock QEMU: serves recorded QMP sessions as the QEMU that was recorded would.

pub mod core;
mod fault;
pub mod import;
pub mod json;
mod mock;
pub mod net;
pub mod record;
pub mod recording;
pub mod replay;
pub mod schema;

pub use self::core::{Leftovers, MonitorOptions, Unmatched};
pub use fault::{Fault, FaultError, FaultKind};
pub use mock::{Answer, MockQmp};
pub use net::{Address, Server};
pub use recording::{Recording, RecordingError};
pub use replay::{Mode, Timing};
