// SPDX-License-Identifier: GPL-2.0-or-later
//! A text screen of a PC: 80 by 25 characters of code page 437, each with a byte of colours.

/// Where it is in physical memory.
pub const ADDRESS: u64 = 0xb8000;

/// Its size.
const COLUMNS: usize = 80;
const ROWS: usize = 25;

/// Bytes of it.
pub const SIZE: usize = COLUMNS * ROWS * 2;

/// The characters below 32, and from 127 on, as they are drawn.
const LOW: &str = " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼";
const HIGH: &str = "⌂ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■ ";

/// Its lines, without blanks at their ends and without empty ones behind the last.
#[must_use]
pub fn lines(bytes: &[u8]) -> Vec<String> {
    let mut lines: Vec<String> = bytes
        .chunks(COLUMNS * 2)
        .take(ROWS)
        .map(|row| {
            let line: String = row.iter().step_by(2).map(|byte| character(*byte)).collect();
            line.trim_end().to_owned()
        })
        .collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

fn character(byte: u8) -> char {
    let (table, place) = match byte {
        0..32 => (LOW, byte),
        32..127 => return char::from(byte),
        _ => (HIGH, byte - 127),
    };
    table.chars().nth(place.into()).unwrap_or(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_a_printable_character() {
        assert_eq!((LOW.chars().count(), HIGH.chars().count()), (32, 129));
        for byte in 0..=255 {
            let drawn = character(byte);
            assert!(!drawn.is_control(), "{byte}");
        }
        let drawn = [0x1b, 0x9b, b'A', 0xdb, 0xc9, 0xe1].map(character);
        assert_eq!(drawn, ['←', '¢', 'A', '█', '╔', 'ß']);
    }

    #[test]
    fn lines_end_with_the_last_that_is_not_empty() {
        let mut bytes = vec![0; SIZE];
        for (n, letter) in b"ok".iter().enumerate() {
            bytes[160 + n * 2] = *letter;
        }
        assert_eq!(lines(&bytes), ["", "ok"]);
        assert_eq!(lines(&[]), [""; 0]);
    }
}
