// SPDX-License-Identifier: GPL-2.0-or-later
//! Hands long texts to the rich line editor in one go: it looks at the whole line for each key, but
//! takes what is between the marks of a paste as one.

/// What the editor takes for the beginning and the end of pasted text.
const BEGIN: &[u8] = b"\x1b[200~";
const END: &[u8] = b"\x1b[201~";

/// Bytes of text from which on it is handed over in one go: no hand types them at once.
pub const LONG: usize = 64;

const ESCAPE: u8 = 0x1b;

/// Ctrl-X, and the key that takes the next one as it is: the key behind them belongs to them.
const PREFIXES: [u8; 2] = [0x18, 0x16];

/// Splits typed bytes into keys of one byte, the beginnings of longer ones, and marked texts.
pub fn units(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut units = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (text, length) = text(rest);
        if length >= LONG {
            units.push([BEGIN, &text, END].concat());
            rest = &rest[length..];
            continue;
        }
        let length = length.max(key(rest));
        units.extend(rest[..length].iter().map(|byte| vec![*byte]));
        rest = &rest[length..];
    }
    units
}

/// The text that bytes begin with, in which a TAB is one, and how many bytes it took.
fn text(bytes: &[u8]) -> (Vec<u8>, usize) {
    let mut text = Vec::new();
    let mut rest = bytes;
    loop {
        rest = match rest {
            [0x16, b'\t', behind @ ..] => {
                text.push(b'\t');
                behind
            }
            [byte, behind @ ..] if *byte >= b' ' && *byte != 0x7f => {
                text.push(*byte);
                behind
            }
            _ => return (text, bytes.len() - rest.len()),
        };
    }
}

/// How many bytes the key has that bytes begin with, as far as they are there.
fn key(bytes: &[u8]) -> usize {
    let length = match bytes {
        [ESCAPE, b'[', behind @ ..] => {
            let end = behind.iter().position(|byte| matches!(byte, 0x40..=0x7e));
            end.map_or(bytes.len(), |end| end + 3)
        }
        [ESCAPE, b'O', ..] => 3,
        [ESCAPE, ..] => 2,
        [first, ..] if PREFIXES.contains(first) => 2,
        _ => 1,
    };
    length.min(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(bytes: &[u8]) -> String {
        String::from_utf8(units(bytes).concat()).unwrap()
    }

    #[test]
    fn long_texts_are_marked() {
        let long = "x".repeat(LONG);
        assert_eq!(
            fed(format!("\x01{long}\r").as_bytes()),
            format!("\x01\x1b[200~{long}\x1b[201~\r")
        );
        let tabbed = format!("{long}\x16\tü");
        assert_eq!(
            fed(tabbed.as_bytes()),
            format!("\x1b[200~{long}\tü\x1b[201~")
        );
        assert_eq!(fed("info name\x16\t\t\r".as_bytes()), "info name\x16\t\t\r");
    }

    #[test]
    fn keys_stay_whole() {
        let long = "1".repeat(LONG);
        for key in ["\x1b[1;5C", "\x1bOP", "\x1bf", "\x18u", "\x16u"] {
            assert_eq!(
                fed(format!("{key}{long}").as_bytes()),
                format!("{key}\x1b[200~{long}\x1b[201~")
            );
        }
        let odd = format!("\x1b[{long}");
        assert_eq!(fed(odd.as_bytes()), odd);
        assert_eq!(fed(b"\x1b"), "\x1b");
    }
}
