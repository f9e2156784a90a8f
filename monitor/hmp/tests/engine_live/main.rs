// SPDX-License-Identifier: GPL-2.0-or-later
//! The engine on real QEMUs, against the built-in's answers; see `HMP_TEST_QEMUS` in
//! tests/common/qemu.rs.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;

mod at_work;
mod guards;
#[cfg(feature = "disassembly")]
mod instructions;
mod kvm;
mod linux;
mod long_memory;
mod memory;
mod mtree;
mod paging;
mod paging_arm;
mod pc;
mod ports;
mod qom_tree;
mod qtree;
mod registers;
mod registers_arm;
mod registers_more;
