// SPDX-License-Identifier: GPL-2.0-or-later
//! Faults of meaning, put into copies of the engine one at a time, to see what notices them: the
//! recordings, the tests without a QEMU, the live cases. The faults are data, in
//! `xtask/plant.toml`; trying them is the mutation tester's business.

mod copy;
mod fault;
mod place;
mod run;
mod table;

pub use fault::check;
pub use run::{Options, run};
