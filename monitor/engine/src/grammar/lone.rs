// SPDX-License-Identifier: GPL-2.0-or-later
//! Bytes that are not text by themselves. The built-in reads a line as bytes of any kind; here a line
//! is text, in which a letter that nobody has stands for each such byte.

/// The letter for byte 0, in the private use area of Unicode's last plane; bytes from 0x80 occur.
const BASE: u32 = 0x10_FE00;

/// The letter for a byte from 0x80; other bytes are letters of their own.
#[must_use]
pub fn letter(byte: u8) -> char {
    match byte.is_ascii() {
        true => char::from(byte),
        false => char::from_u32(BASE + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER),
    }
}

/// The byte that a letter stands for, if it does.
#[must_use]
pub fn byte(letter: char) -> Option<u8> {
    let byte = u8::try_from(u32::from(letter).checked_sub(BASE)?).ok()?;
    (!byte.is_ascii()).then_some(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back() {
        for value in 0x80..=0xff {
            assert_eq!(byte(letter(value)), Some(value));
        }
        assert_eq!(letter(b'a'), 'a');
        assert_eq!([byte('a'), byte('é'), byte('\u{10ffff}')], [None; 3]);
    }
}
