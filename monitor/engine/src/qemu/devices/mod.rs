// SPDX-License-Identifier: GPL-2.0-or-later
//! Buses and devices.

mod entry;
mod ids;
mod tree;

pub use entry::{Entry, Kind};
pub use tree::{Devices, board};
