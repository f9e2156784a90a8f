// SPDX-License-Identifier: GPL-2.0-or-later
//! Network back ends and devices.

pub mod info_rocker;
pub mod link;
pub mod netdev_add;
