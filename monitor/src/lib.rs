//! QEMU's human monitor, living outside QEMU.

pub mod command;
pub mod cx;
pub mod hazard;
pub mod missing;
pub mod qmp;
pub mod route;
pub mod session;
pub mod version;
