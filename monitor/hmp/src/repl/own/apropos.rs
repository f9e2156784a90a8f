// SPDX-License-Identifier: GPL-2.0-or-later
//! `apropos`: the commands that have to do with a word.

use std::fmt::Write;

use hmp_engine::command::rows::Rows;

use crate::repl::own::pages::PAGES;

/// A line for each command whose name, arguments or help has the word, whatever its case.
pub(in crate::repl) fn list(word: &str, rows: &Rows) -> String {
    let word = word.to_ascii_lowercase();
    let theirs = rows.all().map(|(prefix, row)| {
        let name = format!("{prefix}{}", row.names().next().unwrap_or_default());
        (name, row.name, row.params, row.help)
    });
    let ours = PAGES
        .iter()
        .map(|page| (page.name.to_owned(), page.name, page.params, page.help));
    let mut text = String::new();
    for (name, names, params, help) in theirs.chain(ours) {
        let fields = [&name, names, params, help];
        if fields
            .iter()
            .any(|field| field.to_ascii_lowercase().contains(&word))
        {
            // Writing to a string can't fail.
            let _ = writeln!(text, "{name:<28} {help}");
        }
    }
    text
}
