// SPDX-License-Identifier: GPL-2.0-or-later
//! Characters as the built-in shows them.

use std::fmt::Write;

/// A character in single quotes: printable ASCII as it is, some escapes, the rest as `\xNN`, with
/// more digits where the value is larger than a byte (monitor/hmp.c and hmp-cmds.c,
/// `monitor_printc`).
#[must_use]
pub fn quoted_char(value: u32) -> String {
    let mut text = String::from("'");
    match value {
        0x27 => text.push_str("\\'"),
        0x5c => text.push_str("\\\\"),
        0x0a => text.push_str("\\n"),
        0x0d => text.push_str("\\r"),
        0x20..=0x7e => text.extend(char::from_u32(value)),
        _ => {
            // Writing to a string can't fail.
            let _ = write!(text, "\\x{value:02x}");
        }
    }
    text.push('\'');
    text
}

/// `text` with blanks behind it up to `width` bytes, as C's `%-*s` pads.
#[must_use]
pub fn left(text: &str, width: usize) -> String {
    format!("{text}{:1$}", "", width.saturating_sub(text.len()))
}

/// `text` with blanks in front up to `width` bytes, as C's `%*s` pads.
#[must_use]
pub fn right(text: &str, width: usize) -> String {
    format!("{:1$}{text}", "", width.saturating_sub(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_counts_bytes() {
        assert_eq!(left("ü", 3), "ü ");
        assert_eq!(right("ab", 3), " ab");
        assert_eq!(right("abcd", 3), "abcd");
    }

    #[test]
    fn characters() {
        for (value, text) in [
            (65, "'A'"),
            (39, "'\\''"),
            (92, "'\\\\'"),
            (10, "'\\n'"),
            (7, "'\\x07'"),
            (127, "'\\x7f'"),
            (u32::MAX, "'\\xffffffff'"),
        ] {
            assert_eq!(quoted_char(value), text);
        }
    }
}
