// SPDX-License-Identifier: GPL-2.0-or-later
//! Candidates, and the place that they are for.

use crate::command::rows::Rows;
use crate::engine::complete::source::Source;
use crate::qemu::caps::Caps;
use crate::qmp::Qmp;

/// What could stand at the end of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    /// The byte where the word starts that a candidate would replace.
    pub start: usize,
    /// The candidates, sorted.
    pub items: Vec<Item>,
    /// Whether the argument is a file of this machine, whose names are left to the program around
    /// the engine.
    pub files: bool,
    /// Whether a candidate takes its place as it is, without quotes or a blank behind it.
    pub verbatim: bool,
}

/// A candidate.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// The word.
    pub text: String,
    /// What it is: a description, a value, a type; may be empty.
    pub about: String,
    /// Whether more belongs to the word, as behind `bus=`.
    pub open: bool,
}

impl Item {
    /// A candidate that ends a word.
    pub(super) fn new(text: impl Into<String>, about: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            about: about.into(),
            open: false,
        }
    }
}

/// Where a candidate belongs, as far as the built-in has none.
pub(super) struct Place<'a> {
    /// The command's name.
    pub(super) command: &'a str,
    /// Its arguments so far, flags left out.
    pub(super) before: Vec<&'a str>,
    /// The word that is completed.
    pub(super) typed: &'a str,
    pub(super) rows: &'a Rows,
    pub(super) caps: &'a Caps,
    pub(super) builtin: bool,
    pub(super) qmp: &'a dyn Qmp,
}

impl Place<'_> {
    /// Where candidates come from.
    pub(super) fn source(&self) -> Source<'_> {
        Source {
            caps: self.caps,
            builtin: self.builtin,
            qmp: self.qmp,
        }
    }
}
