// SPDX-License-Identifier: GPL-2.0-or-later
//! What the page calls the parts of an entry.

use std::borrow::Cow;

use hmp_engine::table::{INFO, MAIN};

use crate::judge::{Entry, RouteTaken, Verdict};

/// The command of an entry. Lines of a VM that did not start have none, and count for the command
/// that they name.
#[must_use]
pub fn command(entry: &Entry) -> Cow<'_, str> {
    if !entry.command.is_empty() || entry.verdict != Verdict::NotRun {
        return Cow::Borrowed(&entry.command);
    }
    let first = |table, text: &str| {
        let name = text.trim_start().split([' ', '\t', '/']).next()?;
        let row = hmp_engine::command::rows::find(table, name)?
            .names()
            .next()?;
        Some((row, text.trim_start()[name.len()..].to_owned()))
    };
    match first(MAIN, &entry.line) {
        Some(("info", rest)) => match first(INFO, &rest) {
            Some((name, _)) => Cow::Owned(format!("info {name}")),
            None => Cow::Borrowed("info"),
        },
        Some((name, _)) => Cow::Borrowed(name),
        None => Cow::Borrowed(""),
    }
}

/// The word of its route; empty where there is none.
#[must_use]
pub fn route(entry: &Entry) -> &str {
    entry.route.map_or("", RouteTaken::word)
}

/// The machine type, where the entry says it: recordings have it in their folder's name
/// (`10.0-x86_64-q35+numa/main`).
#[must_use]
pub fn machine(entry: &Entry) -> &str {
    if !entry.machine.is_empty() {
        return &entry.machine;
    }
    entry
        .case
        .strip_prefix(&entry.qemu.to_string())
        .and_then(|rest| rest.strip_prefix('-')?.split(['/', '+']).next())
        .unwrap_or_default()
}
