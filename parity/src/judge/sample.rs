// SPDX-License-Identifier: GPL-2.0-or-later
//! Entries for the tests of everything that is made of entries.

use super::entry::{Entry, Kind};
use super::ran::RouteTaken;
use super::verdict::Verdict;
use crate::case::Qemu;

/// The QEMU with this label.
///
/// # Panics
/// Where the label is none.
#[must_use]
pub fn qemu(label: &str) -> Qemu {
    label.parse().unwrap_or_else(|error| panic!("{error}"))
}

/// A line of the case `c` that ran, with a route that goes with its verdict. Both sides printed the
/// same.
#[must_use]
pub fn entry(label: &str, line: &str, command: &str, verdict: Verdict) -> Entry {
    let route = match verdict {
        Verdict::Pending | Verdict::Blocked | Verdict::Refused => RouteTaken::Refused,
        Verdict::Passthrough => RouteTaken::Passthrough,
        Verdict::Partial => RouteTaken::Partial,
        _ => RouteTaken::Native,
    };
    Entry {
        command: command.into(),
        route: Some(route),
        verdict,
        kind: Some(Kind::Output),
        builtin: "same\n".into(),
        ours: "same\n".into(),
        ..Entry::new("c", &qemu(label), line)
    }
}
