//! The tables of commands, and finding a row in them.

mod info;
mod main;

pub use info::INFO;
pub use main::MAIN;

use crate::command::row::{Command, Presence};
use crate::qemu::caps::Caps;

const X86: &[&str] = &["i386", "x86_64"];
const S390X: &[&str] = &["s390x"];
const WITH_TLB: &[&str] = &[
    "i386", "x86_64", "sh4", "sh4eb", "sparc", "sparc64", "ppc", "ppc64", "xtensa", "xtensaeb",
    "m68k",
];
const WITH_MEM: &[&str] = &["i386", "x86_64", "riscv32", "riscv64"];
const WITH_VIA: &[&str] = &["m68k", "ppc", "ppc64"];

/// The rows that one QEMU has.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// Of the main table, sorted by name.
    pub main: Vec<&'static Command>,
    /// Of `info`'s table, sorted by name.
    pub info: Vec<&'static Command>,
}

impl Rows {
    /// The rows for a QEMU with these capabilities.
    #[must_use]
    pub fn new(caps: &Caps) -> Self {
        let here = |table: &'static [Command]| {
            table
                .iter()
                .filter(|row| row.presence(caps) == Presence::Yes)
                .collect()
        };
        Self {
            main: here(MAIN),
            info: here(INFO),
        }
    }

    /// All of them, with the words in front of their names: none, or `info`.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &'static Command)> {
        let main = self.main.iter().map(|row| ("", *row));
        main.chain(self.info.iter().map(|row| ("info ", *row)))
    }
}

/// Finds the row with that name or alias, whatever the QEMU.
#[must_use]
pub fn find(table: &'static [Command], name: &str) -> Vec<&'static Command> {
    table
        .iter()
        .filter(|row| row.names().any(|n| n == name))
        .collect()
}

#[cfg(test)]
mod tests;
