// SPDX-License-Identifier: GPL-2.0-or-later
//! Foreign text in messages of ours: a line of it at most.

use std::borrow::Cow;

/// The most characters that a message quotes.
pub const QUOTED: usize = 200;

/// The first line of a text, and no more than [`QUOTED`] characters of it, with dots where something
/// is left out.
#[must_use]
pub fn quote(text: &str) -> Cow<'_, str> {
    let end = text.find(['\n', '\r']).unwrap_or(text.len());
    let end = text[..end]
        .char_indices()
        .nth(QUOTED)
        .map_or(end, |(at, _)| at);
    if end == text.len() {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("{}...", &text[..end]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_text_is_quoted() {
        assert_eq!(quote("abc"), "abc");
        assert_eq!(quote("abc\r\ndef"), "abc...");
        assert_eq!(quote(""), "");
        let long = "\u{e4}".repeat(QUOTED);
        assert_eq!(quote(&long), long);
        assert_eq!(quote(&format!("{long}x")), format!("{long}..."));
    }
}
