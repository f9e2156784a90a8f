// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask fuzz`: everything that reads what others wrote, fuzzed (docs/hardening.md).

mod recorded;
mod run;
mod seeds;

pub use self::run::{Options, run};
pub use self::seeds::write as write_seeds;

/// The targets, as the folder `fuzz/fuzz_targets` has them.
pub const TARGETS: &[&str] = &[
    "device_state",
    "dumps",
    "engine",
    "expressions",
    "frames",
    "hx",
    "libvirt",
    "lines",
    "options",
    "recordings",
    "scripts",
    "terminal",
];
