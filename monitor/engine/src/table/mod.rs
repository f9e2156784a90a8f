// SPDX-License-Identifier: GPL-2.0-or-later
//! The tables of commands.

mod hazards;
mod info;
mod main;
mod targets;

pub use self::hazards::HAZARDS;
pub use self::info::INFO;
pub use self::main::MAIN;

use crate::command::row::Command;
use crate::command::rows::{self, Rows, Tables};
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

/// The row of the command with this full name (`info` sub-commands with `info` in front), whatever
/// the QEMU.
#[must_use]
pub fn named(name: &str) -> Option<&'static Command> {
    let (table, name) = match name.strip_prefix("info ") {
        Some(name) => (INFO, name),
        None => (MAIN, name),
    };
    rows::find(table, name).into_iter().next()
}

#[cfg(test)]
mod tests;
