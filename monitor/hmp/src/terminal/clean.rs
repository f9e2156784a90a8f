// SPDX-License-Identifier: GPL-2.0-or-later
//! Makes what comes from a terminal fit for a line editor: UTF-8, and no marks around pasted text.

/// What a terminal sends before and behind a pasted text, where that was asked for.
const PASTE: [&[u8]; 2] = [b"\x1b[200~", b"\x1b[201~"];

/// The key that makes the line editor take the next character as it is (Ctrl-V).
const VERBATIM: u8 = 0x16;

/// Another one (Ctrl-Q).
const QUOTED: u8 = 0x11;

/// Cleans a stream of bytes that comes in pieces, cut anywhere.
#[derive(Debug, Default)]
pub struct Cleaner {
    /// The start of a character or of a mark, whose rest has not come yet.
    held: Vec<u8>,
    pasted: bool,
    /// Whether the last byte was a CR: an LF behind it ends the same line.
    returned: bool,
    /// Whether the last byte was [`VERBATIM`].
    verbatim: bool,
}

impl Cleaner {
    /// The cleaned bytes. What may be the start of more is held back.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut all = std::mem::take(&mut self.held);
        all.extend_from_slice(bytes);
        let mut out = Vec::with_capacity(all.len());
        let mut rest = &all[..];
        while let Some((&first, behind)) = rest.split_first() {
            if first == 0x1b {
                if let Some(number) = PASTE.iter().position(|mark| rest.starts_with(mark)) {
                    self.pasted = number == 0;
                    rest = &rest[PASTE[number].len()..];
                    continue;
                }
                if PASTE.iter().any(|mark| mark.starts_with(rest)) {
                    break;
                }
            }
            if first.is_ascii() {
                if std::mem::replace(&mut self.returned, first == b'\r') && first == b'\n' {
                    rest = behind;
                    continue;
                }
                rest = behind;
                let verbatim = std::mem::take(&mut self.verbatim);
                if matches!(first, VERBATIM | QUOTED) {
                    self.verbatim = true;
                    continue;
                }
                // A pasted TAB is text, not a question. Nothing else that is not text can be put
                // into a line: pasted text could steer the terminal.
                if first == b'\t' && (self.pasted || verbatim) {
                    out.push(VERBATIM);
                }
                out.push(first);
                continue;
            }
            (self.returned, self.verbatim) = (false, false);
            match character(rest) {
                Character::Whole(2) if rest.starts_with(&[0xc2]) && rest[1] < 0xa0 => {
                    // A control character of the terminal.
                    out.extend_from_slice("\u{fffd}".as_bytes());
                    rest = &rest[2..];
                }
                Character::Whole(length) => {
                    out.extend_from_slice(&rest[..length]);
                    rest = &rest[length..];
                }
                Character::Start => break,
                Character::Odd(length) => {
                    out.extend_from_slice("\u{fffd}".as_bytes());
                    rest = &rest[length..];
                }
            }
        }
        self.held = rest.to_vec();
        out
    }

    /// Whether something is held back.
    #[must_use]
    pub fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// What was held back: no more of it comes.
    pub fn flush(&mut self) -> Vec<u8> {
        let held = std::mem::take(&mut self.held);
        String::from_utf8_lossy(&held).into_owned().into_bytes()
    }
}

/// What bytes that do not begin with an ASCII character begin with.
enum Character {
    /// A character of so many bytes.
    Whole(usize),
    /// The start of one.
    Start,
    /// So many bytes that are not UTF-8.
    Odd(usize),
}

fn character(bytes: &[u8]) -> Character {
    let piece = &bytes[..bytes.len().min(4)];
    match std::str::from_utf8(piece) {
        Ok(text) => Character::Whole(text.chars().next().map_or(1, char::len_utf8)),
        Err(error) if error.valid_up_to() > 0 => {
            let text = String::from_utf8_lossy(&piece[..error.valid_up_to()]);
            Character::Whole(text.chars().next().map_or(1, char::len_utf8))
        }
        Err(error) => match error.error_len() {
            Some(length) => Character::Odd(length),
            None => Character::Start,
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cleaned(pieces: &[&[u8]]) -> String {
        let mut cleaner = Cleaner::default();
        let mut out = Vec::new();
        for piece in pieces {
            out.extend(cleaner.push(piece));
        }
        out.extend(cleaner.flush());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn odd_bytes_are_replaced() {
        assert_eq!(cleaned(&[b"a\xffb\xe9\r"]), "a\u{fffd}b\u{fffd}\r");
        assert_eq!(cleaned(&[b"\xc3", b"\xbc"]), "ü");
        assert_eq!(cleaned(&[b"\xf0\x9f", b"\x98\x80x"]), "\u{1f600}x");
        assert_eq!(cleaned(&[b"\xf0\x9f", b"\r"]), "\u{fffd}\r");
        assert_eq!(cleaned(&[b"\xc3"]), "\u{fffd}");
    }

    #[test]
    fn a_pasted_text_is_typed_line_by_line() {
        assert_eq!(cleaned(&[b"\x1b[200~a\rb\x1b[201~\r"]), "a\rb\r");
        assert_eq!(
            cleaned(&[b"\x1b[20", b"0~a\tb", b"\x1b", b"[201~\t"]),
            "a\x16\tb\t"
        );
        assert_eq!(cleaned(&[b"\x1b[A\x1b"]), "\x1b[A\x1b");
        assert_eq!(cleaned(&[b"a\r\nb\n\n", b"c\r", b"\nd"]), "a\rb\n\nc\rd");
    }

    #[test]
    fn only_a_tab_is_taken_as_it_is() {
        assert_eq!(
            cleaned(&[b"\x16\t\x11\ta\x16", b"\tb\t"]),
            "\x16\t\x16\ta\x16\tb\t"
        );
        assert_eq!(
            cleaned(&[b"\x16\x1b]0;X\x11\x07\x16a\x16\r"]),
            "\x1b]0;X\x07a\r"
        );
        assert_eq!(cleaned(&[b"\xc2\x9b31m\xc2\xa0"]), "\u{fffd}31m\u{a0}");
    }

    proptest! {
        #[test]
        fn where_a_stream_is_cut_does_not_matter(
            bytes in prop::collection::vec(
                prop_oneof![any::<u8>(), prop::sample::select(b"\x1b[201~\xc3\xbc\xc2\x9b\x16\t\r\n".to_vec())], 0..60),
            cuts in prop::collection::vec(0usize..60, 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(cleaned(&pieces), cleaned(&[&bytes]));
        }
    }
}
