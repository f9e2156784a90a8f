// SPDX-License-Identifier: GPL-2.0-or-later
//! Keeps text from QEMU or a guest from steering the terminal.

use std::borrow::Cow;
use std::fmt::Write;
use std::ops::RangeInclusive;

/// What the command `clear` prints (QEMU 11.1): the cursor goes home, the screen and what scrolled
/// off it are cleared.
pub const CLEAR: &str = "\x1b[H\x1b[2J\x1b[3J";

/// Replaces what a terminal might act on, or what makes a text look like another, by an escape like
/// `\x1b`. Line ends and tabs stay.
#[must_use]
pub fn for_terminal(text: &str) -> Cow<'_, str> {
    escaped(text, |letter| matches!(letter, '\n' | '\t'))
}

/// As [`for_terminal`], for a text that is to stay on its line.
#[must_use]
pub fn on_one_line(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// As [`for_terminal`], for the answer of `clear`, whose sequence stays.
#[must_use]
pub fn with_clear(text: &str) -> String {
    let pieces: Vec<_> = text.split(CLEAR).map(for_terminal).collect();
    pieces.join(CLEAR)
}

/// Whether a text is shown as it is, and can be typed.
#[must_use]
pub fn is_harmless(text: &str) -> bool {
    !text.contains(acts)
}

/// A line as it is shown while it is edited, where every character keeps its place: `?` for a
/// control character, a line below the one before for what is not seen. Tabs stay.
#[must_use]
pub fn marked(line: &str) -> Cow<'_, str> {
    if is_harmless(line) {
        return Cow::Borrowed(line);
    }
    let mark = |letter| match letter {
        '\t' => letter,
        _ if letter.is_control() => '?',
        _ if acts(letter) => '\u{332}',
        _ => letter,
    };
    Cow::Owned(line.chars().map(mark).collect())
}

fn escaped(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(|letter| acts(letter) && !stays(letter)) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if !acts(letter) || stays(letter) {
            safe.push(letter);
        } else if letter.is_ascii() {
            let _ = write!(safe, "\\x{:02x}", u32::from(letter));
        } else {
            let _ = write!(safe, "\\u{{{:x}}}", u32::from(letter));
        }
    }
    Cow::Owned(safe)
}

/// Characters that are not seen and change how others are: Unicode 16's general category Cf (DerivedGeneralCategory.txt), the
/// separators of lines and paragraphs, and letters that fill a place with nothing.
const UNSEEN: &[RangeInclusive<char>] = &[
    '\u{ad}'..='\u{ad}',
    '\u{600}'..='\u{605}',
    '\u{61c}'..='\u{61c}',
    '\u{6dd}'..='\u{6dd}',
    '\u{70f}'..='\u{70f}',
    '\u{890}'..='\u{891}',
    '\u{8e2}'..='\u{8e2}',
    '\u{115f}'..='\u{1160}',
    '\u{180e}'..='\u{180e}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{3164}'..='\u{3164}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff9}'..='\u{fffb}',
    '\u{110bd}'..='\u{110bd}',
    '\u{110cd}'..='\u{110cd}',
    '\u{13430}'..='\u{1343f}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e0fff}',
];

/// Control characters, and those that are not seen.
fn acts(letter: char) -> bool {
    letter.is_control()
        // The most by far, while a line is typed.
        || !letter.is_ascii() && UNSEEN.iter().any(|range| range.contains(&letter))
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
    #[case("\x1b[H\x1b[2J\x1b[3J", "\\x1b[H\\x1b[2J\\x1b[3J")]
    #[case("a\u{61c}b\u{200b}c\u{e0041}", "a\\u{61c}b\\u{200b}c\\u{e0041}")]
    #[case("\x1b[H\x1b[2J", "\\x1b[H\\x1b[2J")]
    fn escapes(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(for_terminal(text), expected);
    }

    #[test]
    fn only_the_command_clears() {
        assert_eq!(with_clear("\x1b[H\x1b[2J\x1b[3J"), CLEAR);
        assert_eq!(
            with_clear("\x1b\x1b[H\x1b[2J\x1b[3J\x1b"),
            format!("\\x1b{CLEAR}\\x1b")
        );
        assert_eq!(on_one_line("a\nb\t"), "a\\x0ab\\x09");
    }

    #[test]
    fn an_edited_line_keeps_its_places() {
        assert_eq!(marked("print 1\t\u{fc}"), "print 1\t\u{fc}");
        assert_eq!(marked("a\x1b]\x07b\u{202e}\u{9b}\0"), "a?]?b\u{332}??");
    }

    proptest! {
        #[test]
        fn nothing_acts_on_the_terminal(text in "(\\PC|[\\x00-\\x1f\\x7f-\\x9f]|\\[H|\\[2J|\\[3J){0,40}") {
            let safe = for_terminal(&text);
            prop_assert!(!safe.contains(|c| acts(c) && !matches!(c, '\n' | '\t')), "{:?}", safe);
            prop_assert!(is_harmless(&on_one_line(&text)));
        }
    }
}
