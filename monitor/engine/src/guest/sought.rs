// SPDX-License-Identifier: GPL-2.0-or-later
//! Looking a virtual address up in a guest's tables, whatever the target.

/// What looking an address up does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sought {
    /// It needs the number of this size at this physical address, for [`LookUp::entry`].
    Entry {
        /// Where.
        address: u64,
        /// How many bytes.
        size: usize,
    },
    /// It is there.
    At(u64),
    /// Nothing is there.
    Unmapped,
    /// The tables are of a kind that was not compared with QEMU's own answers.
    Unknown,
}

/// Looking up one address.
pub trait LookUp {
    /// What comes next.
    fn next(&self) -> Sought;

    /// Gives the entry that was needed.
    fn entry(&mut self, entry: u64);
}
