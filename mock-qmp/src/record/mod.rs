//! Recording: a proxy between a client and a real QEMU, and what it writes down.

mod capture;
mod framer;
mod probe;
mod proxy;
mod recorder;
mod session;

pub use probe::{Probe, probe};
pub use proxy::{Proxy, proxy};
pub use recorder::Recorder;
pub use session::record;

pub use crate::recording::{SCRUBBED, scrub_line};

#[cfg(test)]
mod tests;
