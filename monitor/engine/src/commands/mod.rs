// SPDX-License-Identifier: GPL-2.0-or-later
//! The functions behind the rows, a folder per family. No family asks another.

pub mod block;
pub mod chardev;
pub mod cpu;
pub mod device;
pub mod display;
pub mod machine;
pub mod memory;
pub mod migration;
pub mod monitor;
pub mod net;
pub mod snapshot;
pub mod trace;
