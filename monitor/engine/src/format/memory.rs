// SPDX-License-Identifier: GPL-2.0-or-later
//! Memory as `x` and `xp` print it.

use std::fmt::{self, Write};

use crate::format::sign::Sign as _;
use crate::format::text::{quoted_char, right};

/// How items look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// One of `o d u x c`.
    pub letter: char,
    /// Bytes per item: 1, 2, 4 or 8.
    pub size: usize,
    /// Whether the target stores the high byte first.
    pub big_endian: bool,
    /// Whether octal numbers have their 0 in front of the padding, as in newer releases.
    pub zero_before_padding: bool,
}

/// Lines that the built-in monitor is asked for at once, where much memory is shown: some KiB of
/// text.
pub const PIECE: u64 = 64;

/// What a line of `x` or `xp` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown<'a> {
    /// `x` or `xp`.
    pub name: &'a str,
    /// How many items, or instructions.
    pub count: u64,
    /// The format.
    pub letter: char,
    /// Bytes per item; of no meaning for instructions.
    pub size: u64,
    /// Where the first one is.
    pub address: u64,
}

impl Shown<'_> {
    /// The line.
    #[must_use]
    pub fn line(&self) -> String {
        let size = match (self.letter, self.size) {
            ('i', _) => "",
            (_, 1) => "b",
            (_, 2) => "h",
            (_, 4) => "w",
            _ => "g",
        };
        let Self {
            name,
            count,
            letter,
            address,
            ..
        } = self;
        format!("{name}/{count}{letter}{size} {address:#x}")
    }

    /// Bytes that a line of the answer shows.
    #[must_use]
    pub fn bytes_per_line(&self) -> u64 {
        if self.size == 1 { 8 } else { 16 }
    }

    /// Takes the first [`PIECE`] lines off.
    pub fn next_piece(&mut self) -> Option<Self> {
        let items = (PIECE * self.bytes_per_line() / self.size).min(self.count);
        let piece = Self {
            count: items,
            ..*self
        };
        self.count -= items;
        self.address = self.address.wrapping_add(items * self.size);
        (items > 0).then_some(piece)
    }

    /// Whether an answer has all its items: it ends at the first line that can't be read.
    #[must_use]
    pub fn is_complete(&self, answer: &str) -> bool {
        let lines = (self.count * self.size).div_ceil(self.bytes_per_line());
        answer.lines().count() as u64 == lines && !answer.ends_with("Cannot access memory\n")
    }
}

impl Layout {
    /// Bytes per line.
    #[must_use]
    pub fn line(&self) -> usize {
        if self.size == 1 { 8 } else { 16 }
    }

    /// Writes the items of one line, each behind a blank, and the line's end.
    pub fn items(&self, out: &mut dyn Write, bytes: &[u8]) -> fmt::Result {
        let size = if self.letter == 'c' { 1 } else { self.size };
        for item in bytes.chunks(size) {
            out.write_char(' ')?;
            self.item(out, self.value(item))?;
        }
        out.write_char('\n')
    }

    fn value(&self, item: &[u8]) -> u64 {
        let append = |value: u64, byte: &u8| (value << 8) + u64::from(*byte);
        if self.big_endian {
            item.iter().fold(0, append)
        } else {
            item.iter().rev().fold(0, append)
        }
    }

    fn item(&self, out: &mut dyn Write, value: u64) -> fmt::Result {
        let bits = self.size * 8;
        let decimal = (bits * 10).div_ceil(33);
        let octal = bits.div_ceil(3);
        match self.letter {
            'o' if self.zero_before_padding => {
                write!(out, "0{}", right(&format!("{value:o}"), octal))
            }
            'o' if value == 0 => write!(out, "{}", right("0", octal)),
            'o' => write!(out, "{}", right(&format!("0{value:o}"), octal)),
            'u' => write!(out, "{value:decimal$}"),
            // Smaller items are not sign-extended.
            'd' => write!(out, "{:decimal$}", value.as_signed()),
            'c' => out.write_str(&quoted_char(value as u32)),
            _ => write!(out, "{value:#0width$x}", width = self.size * 2 + 2),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    // Lines of 10.0.2 and, for octal numbers, of 11.1.3.
    #[rstest]
    #[case('x', 4, " 0x04030201 0x00000005\n")]
    #[case('x', 1, " 0x01 0x02 0x03 0x04 0x05 0x00 0x00 0x00\n")]
    #[case('u', 2, "   513  1027     5     0\n")]
    #[case('d', 8, "          21542142465\n")]
    #[case('o', 1, "  01  02  03  04  05   0   0   0\n")]
    #[case(
        'c',
        2,
        " '\\x01' '\\x02' '\\x03' '\\x04' '\\x05' '\\x00' '\\x00' '\\x00'\n"
    )]
    fn layouts(#[case] letter: char, #[case] size: usize, #[case] line: &str) {
        let layout = Layout {
            letter,
            size,
            big_endian: false,
            zero_before_padding: false,
        };
        let mut text = String::new();
        layout.items(&mut text, &[1, 2, 3, 4, 5, 0, 0, 0]).unwrap();
        assert_eq!(text, line);
    }

    #[test]
    fn octal_numbers_of_new_releases() {
        let layout = Layout {
            letter: 'o',
            size: 1,
            big_endian: false,
            zero_before_padding: true,
        };
        let mut text = String::new();
        layout.items(&mut text, &[0, 27, 249]).unwrap();
        assert_eq!(text, " 0  0 0 33 0371\n");
    }

    #[test]
    fn big_endian_items_and_the_sign() {
        let layout = Layout {
            letter: 'd',
            size: 4,
            big_endian: true,
            zero_before_padding: false,
        };
        let mut text = String::new();
        layout.items(&mut text, &[0xff, 0xff, 0xff, 0xfe]).unwrap();
        assert_eq!(text, " 4294967294\n");
    }

    /// Much memory is asked of the built-in monitor in pieces of 64 lines.
    #[test]
    fn much_memory_is_asked_in_pieces() {
        let shown = |size, count| Shown {
            name: "xp",
            count,
            letter: 'x',
            size,
            address: 0x100,
        };
        let lines = |mut shown: Shown<'_>| -> Vec<String> {
            let pieces = std::iter::from_fn(|| shown.next_piece());
            pieces.take(9).map(|piece| piece.line()).collect()
        };
        assert_eq!(lines(shown(1, 513)), ["xp/512xb 0x100", "xp/1xb 0x300"]);
        assert_eq!(lines(shown(2, 512)), ["xp/512xh 0x100"]);
        assert_eq!(lines(shown(4, 300)), ["xp/256xw 0x100", "xp/44xw 0x500"]);
        assert_eq!(lines(shown(8, 129)), ["xp/128xg 0x100", "xp/1xg 0x500"]);
        assert_eq!(lines(shown(8, 0)), [""; 0]);
        let code = Shown {
            letter: 'i',
            ..shown(4, 2)
        };
        assert_eq!(code.line(), "xp/2i 0x100");
        // An answer is whole where it has all its lines, and the last one could be read.
        let nine_bytes = shown(1, 9);
        assert_eq!(
            (nine_bytes.bytes_per_line(), shown(2, 9).bytes_per_line()),
            (8, 16)
        );
        assert!(nine_bytes.is_complete("a\nb\n"));
        assert!(!nine_bytes.is_complete("a\n") && !nine_bytes.is_complete("a\nb\nc\n"));
        assert!(!nine_bytes.is_complete("a\n0000000000000108: Cannot access memory\n"));
    }
}
