// SPDX-License-Identifier: GPL-2.0-or-later
//! Lines are bytes of any kind to the built-in, and text to the engine and to QMP. A byte that is no
//! part of UTF-8 becomes a letter that nobody has, and is that byte again in what the client gets.

/// The letter for byte 0 in the private use area of Unicode's last plane; bytes from 0x80 occur.
const BASE: u32 = 0x10_FE00;

fn byte_of(letter: char) -> Option<u8> {
    let byte = u8::try_from(u32::from(letter).checked_sub(BASE)?).ok()?;
    (byte >= 0x80).then_some(byte)
}

fn letter_of(byte: u8) -> char {
    char::from_u32(BASE + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The text of a line.
pub(super) fn decode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|&byte| letter_of(byte)));
    }
    text
}

/// The bytes of a text.
pub(super) fn encode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for letter in text.chars() {
        match byte_of(letter) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// The first byte of a text that QMP has no way to say.
pub(super) fn unsayable(text: &str) -> Option<u8> {
    text.chars().find_map(byte_of)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_become_letters() {
        assert_eq!(decode("é".as_bytes()), "é");
        assert_eq!(unsayable("é"), None);
        let text = decode(b"a\xff\xc3");
        assert_eq!(text.chars().count(), 3);
        assert_eq!(unsayable(&text), Some(0xff));
    }

    proptest! {
        #[test]
        fn bytes_come_back(bytes: Vec<u8>) {
            prop_assert_eq!(encode(&decode(&bytes)), bytes);
        }
    }
}
