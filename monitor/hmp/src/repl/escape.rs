// SPDX-License-Identifier: GPL-2.0-or-later
//! Keeps text from QEMU or a guest from steering the terminal.

use std::borrow::Cow;
use std::fmt::Write;

/// What the command `clear` prints (QEMU 11.1): the cursor goes home, the screen and what scrolled
/// off it are cleared.
pub(super) const CLEAR: &str = "\x1b[H\x1b[2J\x1b[3J";

/// Replaces what a terminal might act on by an escape like `\x1b`. Line ends, tabs and `clear`'s
/// sequence stay.
pub(super) fn for_terminal(text: &str) -> Cow<'_, str> {
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for (number, piece) in text.split(CLEAR).enumerate() {
        if number > 0 {
            safe.push_str(CLEAR);
        }
        for letter in piece.chars() {
            if !acts(letter) {
                safe.push(letter);
            } else if letter.is_ascii() {
                let _ = write!(safe, "\\x{:02x}", u32::from(letter));
            } else {
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(letter));
            }
        }
    }
    Cow::Owned(safe)
}

/// Control characters, and those that turn the direction of writing (they make text look like
/// another).
fn acts(letter: char) -> bool {
    match letter {
        '\n' | '\t' => false,
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        other => other.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("VM status: running\n\tx ü\n", "VM status: running\n\tx ü\n")]
    #[case("\x1b]0;title\x07", "\\x1b]0;title\\x07")]
    #[case("a\rb\x08\x7f", "a\\x0db\\x08\\x7f")]
    #[case("\u{9b}31m", "\\u{9b}31m")]
    #[case("\u{202e}gnp", "\\u{202e}gnp")]
    #[case("\x1b[H\x1b[2J\x1b[3J", "\x1b[H\x1b[2J\x1b[3J")]
    #[case("\x1b[H\x1b[2J", "\\x1b[H\\x1b[2J")]
    #[case("\x1b\x1b[H\x1b[2J\x1b[3J\x1b", "\\x1b\x1b[H\x1b[2J\x1b[3J\\x1b")]
    fn escapes(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(for_terminal(text), expected);
    }

    proptest! {
        #[test]
        fn nothing_acts_on_the_terminal(text in "(\\PC|[\\x00-\\x1f\\x7f-\\x9f]|\\[H|\\[2J|\\[3J){0,40}") {
            let safe = for_terminal(&text).replace(CLEAR, "");
            prop_assert!(!safe.contains(acts), "{:?}", safe);
        }
    }
}
