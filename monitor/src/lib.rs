//! QEMU's human monitor, living outside QEMU.

pub mod args;
pub mod block_graph;
pub mod command;
mod commands;
pub mod complete;
pub mod cx;
pub mod engine;
pub mod expr;
pub mod format;
pub mod guest;
pub mod hazard;
#[cfg(feature = "client")]
pub mod host;
pub mod jobs;
pub mod keyval;
pub mod line;
pub mod missing;
pub mod optdict;
pub mod qmp;
#[cfg(feature = "repl")]
pub mod repl;
pub mod route;
pub mod session;
pub mod socket_address;
pub mod table;
pub mod version;
