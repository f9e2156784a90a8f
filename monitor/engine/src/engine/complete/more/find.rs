// SPDX-License-Identifier: GPL-2.0-or-later
//! From a line to its candidates.

use crate::command::rows::Rows;
use crate::engine::complete::base::{Completion, of_all};
use crate::engine::complete::more::item::{Offers, Place};
use crate::engine::complete::more::{about, options, places};
use crate::engine::complete::source::Source;

/// Completes `text`, the line left of the cursor.
pub async fn offers(text: &str, rows: &Rows, source: Source<'_>) -> Offers {
    let Source { caps, builtin, qmp } = source;
    let base = match in_options(text) {
        // The built-in has none there; what it would ask for takes long.
        true => Completion {
            start: text.len(),
            ..Completion::default()
        },
        // All of them: what is not shown is counted.
        false => of_all(text, rows, source, usize::MAX).await,
    };
    if !base.candidates.is_empty() {
        let words = base.candidates;
        return Offers {
            start: base.start,
            items: about::items(base.argument, words, text, rows, qmp).await,
            files: base.files,
            verbatim: false,
        };
    }
    let none = Offers {
        start: base.start,
        items: Vec::new(),
        files: base.files,
        verbatim: false,
    };
    // Words in quotes are left alone: where they begin in the line is not where they begin.
    let flag = text.ends_with(" -");
    if text.contains('"') || base.files && !flag {
        return none;
    }
    let start = text
        .rfind(|c: char| c.is_ascii_whitespace())
        .map_or(0, |at| at + 1);
    let (before, typed) = text.split_at(start);
    let mut words = before.split_ascii_whitespace();
    let Some(mut command) = words.next() else {
        return none;
    };
    let info = command == "info";
    if info {
        match words.next() {
            Some(name) => command = name,
            None => return none,
        }
    }
    let table = if info { &rows.info } else { &rows.main };
    let format = command.split('/').next().unwrap_or(command);
    let Some(row) = table
        .iter()
        .find(|row| row.names().any(|name| name == format))
    else {
        return none;
    };
    let spec = row.args_in(caps.version);
    let place = Place {
        command: format,
        before: words
            .filter(|word| !(word.starts_with('-') && word.len() > 1))
            .collect(),
        typed,
        rows,
        caps,
        builtin,
        qmp,
    };
    let (from, mut items) = match places::find(&place, spec, info).await {
        Some(found) => found,
        None => options::find(&place).await.unwrap_or_default(),
    };
    let typed = typed.get(from..).unwrap_or_default();
    items.retain(|item| item.text.starts_with(typed));
    items.sort();
    items.dedup_by(|a, b| a.text == b.text);
    Offers {
        start: start + from,
        items,
        files: base.files && !flag,
        verbatim: false,
    }
}

/// Whether the end of a line is within a list of options, behind its type.
fn in_options(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace();
    let adds = matches!(
        words.next(),
        Some("device_add" | "object_add" | "netdev_add" | "chardev-add")
    );
    let first = words.next().unwrap_or_default();
    let ended = text.ends_with(|c: char| c.is_ascii_whitespace());
    adds && first.contains(',') && words.next().is_none() && !ended
}
