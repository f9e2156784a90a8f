// SPDX-License-Identifier: GPL-2.0-or-later
//! Reads the kernel's tables of sockets.

use std::path::Path;

/// How often a table is read. The kernel gives a page at a time and goes on from a place that moves
/// when sockets come and go in between, so that one reading may leave some out.
pub(super) const READINGS: usize = 3;

/// What all readings of a table in `/proc` show, with `read` as its reader; most of it several
/// times.
pub(super) fn all<T>(table: &Path, read: impl Fn(&str) -> Vec<T>) -> Vec<T> {
    let mut found = Vec::new();
    for _ in 0..READINGS {
        let bytes = std::fs::read(table).unwrap_or_default();
        found.extend(read(&String::from_utf8_lossy(&bytes)));
    }
    found
}
