// SPDX-License-Identifier: GPL-2.0-or-later
//! The engine on mocks: what no recording of a real QEMU has.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;

mod bounds;
mod devices;
mod dumped_memory;
mod exactly;
mod guest_memory;
mod help;
mod hosts;
mod migration_info;
mod option_strings;
mod own_means;
mod permissions;
mod qtree;
mod replies;
mod sessions;
mod states;
mod targets;
mod words;
