//! Character devices.

pub mod backend;
pub mod options;
