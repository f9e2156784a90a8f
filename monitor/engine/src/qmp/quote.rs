// SPDX-License-Identifier: GPL-2.0-or-later
//! Foreign text in messages of ours: a line of it at most.

use std::borrow::Cow;

/// The most characters that a message quotes.
pub const QUOTED: usize = 200;

/// How many of them are from the end of what is too long: a reason often comes last.
const TAIL: usize = 60;

/// What stands for what is left out.
const DOTS: &str = " ... ";

/// A text on one line, and of a long one the beginning and the end.
#[must_use]
pub fn quote(text: &str) -> Cow<'_, str> {
    let head = QUOTED - TAIL - DOTS.len();
    let is_long = text.char_indices().nth(QUOTED).is_some();
    let cut = if is_long {
        let start = text.char_indices().nth(head).map_or(0, |(at, _)| at);
        let end = text
            .char_indices()
            .nth_back(TAIL - 1)
            .map_or(0, |(at, _)| at);
        Cow::Owned(format!("{}{DOTS}{}", &text[..start], &text[end..]))
    } else {
        Cow::Borrowed(text)
    };
    if cut.contains(['\n', '\r']) {
        Cow::Owned(cut.replace(['\n', '\r'], " "))
    } else {
        cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_text_is_quoted() {
        assert_eq!(quote("abc"), "abc");
        assert_eq!(quote("abc\r\ndef"), "abc  def");
        assert_eq!(quote(""), "");
        let long = "\u{e4}".repeat(QUOTED);
        assert_eq!(quote(&long), long);
        let longer = format!("{long}\n{long}, expected a number");
        let quoted = quote(&longer);
        assert_eq!(quoted.chars().count(), QUOTED);
        assert!(quoted.contains("\u{e4} ... \u{e4}"), "{quoted}");
        assert!(quoted.ends_with("\u{e4}, expected a number"), "{quoted}");
    }
}
