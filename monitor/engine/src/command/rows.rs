// SPDX-License-Identifier: GPL-2.0-or-later
//! The rows that one QEMU has, and finding a row by name.

use crate::command::manual::{Manual, Page};
use crate::command::row::{Command, Presence};
use crate::qemu::caps::Caps;
use crate::qmp::version::Version;

/// The two tables of commands, as QEMU's two .hx files.
#[derive(Clone, Copy, Debug)]
pub struct Tables {
    /// The main table, sorted by name.
    pub main: &'static [Command],
    /// The table of `info`, sorted by name.
    pub info: &'static [Command],
}

/// The rows that one QEMU has.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// Of the main table, sorted by name.
    pub main: Vec<&'static Command>,
    /// Of `info`'s table, sorted by name.
    pub info: Vec<&'static Command>,
}

impl Rows {
    /// The rows of the main table and of `info`'s table that a QEMU with these capabilities has.
    #[must_use]
    pub fn new(tables: Tables, caps: &Caps) -> Self {
        let here = |table: &'static [Command]| {
            table
                .iter()
                .filter(|row| row.presence(caps) == Presence::Yes)
                .collect()
        };
        Self {
            main: here(tables.main),
            info: here(tables.info),
        }
    }

    /// All of them, with the words in front of their names: none, or `info`.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &'static Command)> {
        let main = self.main.iter().map(|row| ("", *row));
        main.chain(self.info.iter().map(|row| ("info ", *row)))
    }
}

impl Manual for Rows {
    fn pages(&self, info: bool, version: Version) -> Vec<Page> {
        let rows = if info { &self.info } else { &self.main };
        let pages = rows.iter().map(|row| Page {
            names: row.name,
            params: row.params_in(version),
            help: row.help,
            preconfig: row.preconfig,
            quirk: row.quirk,
        });
        pages.collect()
    }
}

/// Finds the row with that name or alias in a sorted table, whatever the QEMU; names are there once.
#[must_use]
pub fn find(table: &'static [Command], name: &str) -> Option<&'static Command> {
    // Done several times for every line, and few rows have an alias.
    match table.binary_search_by(|row| row.name.cmp(name)) {
        // All names of a row with a bar between them are not one.
        Ok(at) => table.get(at).filter(|row| !row.name.contains('|')),
        Err(_) => table
            .iter()
            .filter(|row| row.name.contains('|'))
            .find(|row| row.names().any(|n| n == name)),
    }
}
