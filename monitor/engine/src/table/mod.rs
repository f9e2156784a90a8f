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
    rows::find(table, name)
}

/// What may be lost by a QMP command, as [`Decision::loss`](crate::engine::Decision::loss) says it of
/// the line that needs it: one that lines without a loss need too loses nothing by itself.
#[must_use]
pub fn loss_of_qmp(command: &str) -> Option<&'static str> {
    let needs = |row: &&Command| {
        let mut needs = row.routes.iter().flat_map(|route| route.needs());
        needs.any(|need| *need == command)
    };
    let rows = || MAIN.iter().chain(INFO).filter(needs);
    match rows().any(|row| row.loses.is_empty()) {
        true => None,
        false => rows().next().map(|row| row.loses),
    }
}

#[cfg(test)]
mod tests;
