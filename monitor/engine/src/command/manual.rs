// SPDX-License-Identifier: GPL-2.0-or-later
//! What `help` knows of commands: it sees pages, not rows.

use crate::qmp::version::Version;

/// What `help` shows of a command, and how.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Name and aliases, separated by `|`.
    pub names: &'static str,
    /// The arguments.
    pub params: &'static str,
    /// What it does, in our own words.
    pub help: &'static str,
    /// Whether it may run before the machine is initialised.
    pub preconfig: bool,
    /// How the built-in's page differs from others.
    pub quirk: Quirk,
}

/// How QEMU's entry of a command makes its help differ from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// It does not.
    None,
    /// Its sentence ends with a line end of its own (hmp-commands.hx), so that a blank line
    /// follows.
    BlankLineBehind,
    /// The list in brackets that its arguments begin with names the values of this enumeration, the
    /// argument of a QMP command, that QEMU was built with.
    BuiltTypes(&'static str, &'static str),
}

/// The pages of one QEMU's commands.
pub trait Manual: Sync {
    /// Those of the main table or of `info`'s, sorted by name, as `version` spells them.
    fn pages(&self, info: bool, version: Version) -> Vec<Page>;
}
