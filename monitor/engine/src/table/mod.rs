// SPDX-License-Identifier: GPL-2.0-or-later
//! The tables of commands.

mod hazards;
mod info;
mod main;
mod targets;

pub use self::hazards::HAZARDS;
pub use self::info::INFO;
pub use self::main::MAIN;

use crate::command::rows::{Rows, Tables};
use crate::qemu::caps::Caps;

/// Both tables.
pub const TABLES: Tables = Tables {
    main: MAIN,
    info: INFO,
};

/// The rows that a QEMU with these capabilities has.
#[must_use]
pub fn rows(caps: &Caps) -> Rows {
    Rows::new(TABLES, caps)
}

#[cfg(test)]
mod tests;
