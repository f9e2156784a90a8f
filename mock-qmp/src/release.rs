// SPDX-License-Identifier: GPL-2.0-or-later
//! Releases of QEMU, to compare with.

/// The first two numbers of a version.
pub type Release = (u32, u32);

/// Older than every QEMU.
pub(crate) const FIRST: Release = (0, 0);

/// `v(10, 1)` is QEMU 10.1.
pub(crate) const fn v(major: u32, minor: u32) -> Release {
    (major, minor)
}
