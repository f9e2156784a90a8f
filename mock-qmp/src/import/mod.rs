// SPDX-License-Identifier: GPL-2.0-or-later
//! Other people's recordings.

mod libvirt;

pub use libvirt::libvirt;
