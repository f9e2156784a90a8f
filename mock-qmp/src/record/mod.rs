// SPDX-License-Identifier: GPL-2.0-or-later
//! Recording: a proxy between a client and a real QEMU, and what it writes down.

mod capture;
mod framer;
mod probe;
mod proxy;
mod recorder;
mod session;
mod through;
mod upstream;

pub use crate::recording::{SCRUBBED, scrub_line};
pub use probe::{Probe, probe};
pub use proxy::{Proxy, proxy};
pub use recorder::{CONTENT_LIMIT, Recorder};
pub use session::record;
pub use upstream::{Appended, Upstream, UpstreamError};

#[cfg(test)]
mod tests;
