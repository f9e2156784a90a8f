// SPDX-License-Identifier: GPL-2.0-or-later
//! What reaches the terminal, and what comes from it.

use hmp::terminal::clean::Cleaner;
use hmp::terminal::escape::{self, CLEAR};

use crate::choice;

/// Nothing that is shown steers a terminal; what is typed or pasted is text, wherever it is cut.
pub fn terminal(data: &[u8]) {
    let (pieces, rest) = choice(data);
    let text = String::from_utf8_lossy(rest);
    let steers = |text: &str| text.contains(|c: char| c.is_control() && c != '\n' && c != '\t');
    let shown = escape::for_terminal(&text);
    assert!(!steers(&shown), "{shown:?}");
    assert!(escape::is_harmless(&escape::on_one_line(&text)));
    assert!(!steers(&escape::with_clear(&text).replace(CLEAR, "")));
    let marked = escape::marked(&text);
    assert_eq!(marked.chars().count(), text.chars().count());
    assert!(!marked.contains(|c: char| c.is_control() && c != '\t'));

    let whole = cleaned(rest, rest.len().max(1));
    assert_eq!(cleaned(rest, rest.len() / (pieces + 1) + 1), whole);
    let Ok(typed) = String::from_utf8(whole) else {
        panic!("typed, and not UTF-8");
    };
    assert!(!typed.contains(|c: char| c.is_control() && !c.is_ascii()));
}

fn cleaned(bytes: &[u8], size: usize) -> Vec<u8> {
    let mut cleaner = Cleaner::default();
    let mut out = Vec::new();
    for piece in bytes.chunks(size) {
        out.extend(cleaner.push(piece));
    }
    out.extend(cleaner.flush());
    out
}
