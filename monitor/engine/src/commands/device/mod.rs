// SPDX-License-Identifier: GPL-2.0-or-later
//! Devices and objects.

pub mod device_add;
pub mod info_pci;
pub mod info_qdm;
pub mod info_qom_tree;
pub mod info_qtree;
pub mod info_virtio;
pub mod object_add;
pub mod qom;
