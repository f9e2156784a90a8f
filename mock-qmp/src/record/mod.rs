//! Recording: a proxy between a client and a real QEMU, and what it writes down.

mod capture;
mod framer;
mod probe;
mod proxy;
mod recorder;
mod scrub;
mod session;

pub use probe::{Probe, probe};
pub use proxy::{Proxy, proxy};
pub use recorder::Recorder;
pub(crate) use scrub::scrub_request;
pub use scrub::{SCRUBBED, scrub_line};
pub use session::record;

#[cfg(test)]
mod tests;
