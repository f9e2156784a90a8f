//! A mock QEMU.
