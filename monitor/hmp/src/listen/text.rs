// SPDX-License-Identifier: GPL-2.0-or-later
//! Lines are bytes of any kind to the built-in, and text to the engine and to QMP. A byte that is no
//! part of UTF-8 becomes a letter that nobody has, and is that byte again in what the client gets.

use hmp_engine::grammar::lone;

/// The text of a line.
pub(super) fn decode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|&byte| lone::letter(byte)));
    }
    text
}

/// The text of a line that is not text for the built-in either: it gives back single bytes of it.
pub(super) fn as_bytes(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| lone::letter(byte)).collect()
}

/// The bytes of a text.
pub(super) fn encode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for letter in text.chars() {
        match lone::byte(letter) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// The first byte of a text that QMP has no way to say.
pub(super) fn unsayable(text: &str) -> Option<u8> {
    text.chars().find_map(lone::byte)
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
            prop_assert_eq!(encode(&decode(&bytes)), bytes.clone());
            prop_assert_eq!(encode(&as_bytes(&bytes)), bytes);
        }
    }
}
