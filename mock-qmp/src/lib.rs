//! A mock QEMU.
pub mod json;
