// SPDX-License-Identifier: GPL-2.0-or-later
//! The binary `hmp` on real QEMUs; see `HMP_TEST_QEMUS` in tests/common/qemu.rs.
#![cfg(feature = "repl")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;

mod choosing;
mod connections;
mod cpu_state;
mod disks;
mod hazards;
mod interruptions;
mod kills;
mod libvirt;
mod pictures;
mod prompt;
mod waiting;
