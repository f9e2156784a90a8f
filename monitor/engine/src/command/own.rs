// SPDX-License-Identifier: GPL-2.0-or-later
//! Commands that the program around the engine brings itself.

use std::ptr;

use crate::command::row::{Command, Presence};
use crate::command::rows::Rows;
use crate::qemu::caps::Caps;

/// Rows from outside, which come before those of the tables.
#[derive(Clone, Debug, Default)]
pub struct Own {
    main: Vec<&'static Command>,
    info: Vec<&'static Command>,
}

impl Own {
    /// Takes a row, of the main table or of `info`'s.
    pub fn add(&mut self, info: bool, row: &'static Command) {
        match info {
            true => self.info.push(row),
            false => self.main.push(row),
        }
    }

    /// The row with that name or alias, where this QEMU has it.
    #[must_use]
    pub fn find(&self, info: bool, name: &str, caps: &Caps) -> Option<&'static Command> {
        let rows = if info { &self.info } else { &self.main };
        let mut named = rows.iter().filter(|row| row.names().any(|n| n == name));
        let found = named.find(|row| row.presence(caps) == Presence::Yes);
        found.copied()
    }

    /// Whether the row is one of these: the built-in monitor does not know it.
    #[must_use]
    pub fn has(&self, row: &Command) -> bool {
        let mut rows = self.main.iter().chain(&self.info);
        rows.any(|own| ptr::eq(*own, row))
    }

    /// The rows of the tables, with these among them and in place of those of the same name.
    #[must_use]
    pub fn among(&self, mut rows: Rows, caps: &Caps) -> Rows {
        merge(&mut rows.main, &self.main, caps);
        merge(&mut rows.info, &self.info, caps);
        rows
    }
}

fn merge(rows: &mut Vec<&'static Command>, own: &[&'static Command], caps: &Caps) {
    for row in own {
        if row.presence(caps) == Presence::Yes {
            rows.retain(|other| !other.names().any(|name| row.names().any(|n| n == name)));
            let at = rows.partition_point(|other| other.name < row.name);
            rows.insert(at, row);
        }
    }
}
