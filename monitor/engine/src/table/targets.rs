// SPDX-License-Identifier: GPL-2.0-or-later
//! Targets, in QAPI's spelling, that share commands, and what commands share.

pub(super) const X86: &[&str] = &["i386", "x86_64"];
pub(super) const AARCH64: &[&str] = &["aarch64"];
pub(super) const ARM: &[&str] = &["aarch64", "arm"];
pub(super) const ARM_AND_X86: &[&str] = &["aarch64", "arm", "i386", "x86_64"];
pub(super) const RISCV64: &[&str] = &["riscv64"];
pub(super) const IN_PART: &[&str] = &["ppc64", "riscv64", "s390x"];
pub(super) const S390X: &[&str] = &["s390x"];
pub(super) const WITH_TLB: &[&str] = &[
    "i386", "x86_64", "sh4", "sh4eb", "sparc", "sparc64", "ppc", "ppc64", "xtensa", "xtensaeb",
    "m68k",
];
pub(super) const WITH_MEM: &[&str] = &["i386", "x86_64", "riscv32", "riscv64"];
pub(super) const WITH_VIA: &[&str] = &["m68k", "ppc", "ppc64"];

/// What it takes to read registers out of a dump's notes, and tables out of memory.
pub(super) const NOTES_AND_TABLES: &[&str] = &[
    "getfd",
    "dump-guest-memory",
    "closefd",
    "add-fd",
    "pmemsave",
    "remove-fd",
];

/// What it takes to read registers out of the state of all devices, and tables out of memory.
pub(super) const STATE_AND_TABLES: &[&str] = &[
    "query-cpus-fast",
    "query-status",
    "query-migrate",
    "qom-list",
    "add-fd",
    "xen-save-devices-state",
    "pmemsave",
    "remove-fd",
];
/// The same, with memory as the CPU sees it.
pub(super) const STATE_AND_VIRTUAL: &[&str] = &[
    "query-cpus-fast",
    "query-status",
    "query-migrate",
    "qom-list",
    "add-fd",
    "xen-save-devices-state",
    "memsave",
    "remove-fd",
];
