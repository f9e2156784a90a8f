// SPDX-License-Identifier: GPL-2.0-or-later
//! Entries of the tree of buses and devices.

/// A bus or a device in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A bus.
    Bus,
    /// A device.
    Device,
}

/// One entry of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// A bus's name, a device's type.
    pub name: String,
    /// A bus's type, a device's id.
    pub label: String,
    /// How many buses and devices lie above.
    pub depth: usize,
    /// Its place among the objects.
    pub object: usize,
    /// The bus that a device sits on, by its place among the entries.
    pub bus: Option<usize>,
}
