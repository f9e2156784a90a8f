// SPDX-License-Identifier: GPL-2.0-or-later
//! A cursor over one line, as the built-in monitor reads it: blanks, names, quoted strings.
//!
//! The built-in reads bytes in the C locale; all its delimiters are ASCII, so the cursor always
//! rests on a character boundary.

use crate::grammar::lone;

/// Longest string argument, in bytes; the built-in cuts the rest off without a word
/// (monitor/hmp.c).
const STRING_MAX: usize = 1023;

/// A position in a line.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    line: &'a str,
    pos: usize,
}

/// A string that can't be read: nothing left, an unknown escape, or no closing quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StringError;

/// Whether C's `isspace` holds for this byte in the C locale.
#[must_use]
pub fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

impl<'a> Cursor<'a> {
    /// The start of `line`. A NUL ends a line, as it ends a C string.
    #[must_use]
    pub fn new(line: &'a str) -> Self {
        let end = line.find('\0').unwrap_or(line.len());
        Self {
            line: &line[..end],
            pos: 0,
        }
    }

    /// What has been read.
    #[must_use]
    pub fn before(&self) -> &'a str {
        &self.line[..self.pos]
    }

    /// What has not been read.
    #[must_use]
    pub fn rest(&self) -> &'a str {
        &self.line[self.pos..]
    }

    /// How many bytes have been read.
    #[must_use]
    pub fn pos(&self) -> usize {
        self.pos
    }

    /// The next byte, if any is left.
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.line.as_bytes().get(self.pos).copied()
    }

    /// The next character, if any is left.
    #[must_use]
    pub fn peek_char(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// The next byte as the built-in shows it in a message: alone, so that all but ASCII is no
    /// character any more, unless it stands for a byte.
    #[must_use]
    pub fn shown_byte(&self) -> char {
        match self.peek_char() {
            Some(letter) if letter.is_ascii() || lone::byte(letter).is_some() => letter,
            Some(_) => char::REPLACEMENT_CHARACTER,
            None => '\0',
        }
    }

    /// Steps over one character, if any is left.
    pub fn advance(&mut self) {
        self.pos += self.peek_char().map_or(0, char::len_utf8);
    }

    /// Steps over `bytes` bytes of what is left, which must end on a character boundary.
    pub fn skip(&mut self, bytes: usize) {
        debug_assert!(self.rest().is_char_boundary(bytes));
        self.pos += bytes;
    }

    /// Steps over blanks.
    pub fn skip_blanks(&mut self) {
        self.take_while(is_blank);
    }

    /// Reads the longest run of bytes that `keep` holds for; bytes of non-ASCII characters are 0x80
    /// and above.
    pub fn take_while(&mut self, keep: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let len = rest.bytes().position(|b| !keep(b)).unwrap_or(rest.len());
        // A predicate that splits the bytes of one character would break it; none does.
        let len = (0..=len)
            .rev()
            .find(|&n| rest.is_char_boundary(n))
            .unwrap_or(0);
        self.pos += len;
        &rest[..len]
    }

    /// Reads a command's name: up to a blank or a slash. `None` where the line has nothing left.
    pub fn name(&mut self) -> Option<&'a str> {
        self.skip_blanks();
        self.peek()?;
        Some(self.take_while(|b| b != b'/' && !is_blank(b)))
    }

    /// Reads a string: quoted with escapes, or up to the next blank. Overlong ones are cut.
    pub fn string(&mut self) -> Result<String, StringError> {
        self.skip_blanks();
        let mut text = match self.peek() {
            None => return Err(StringError),
            Some(b'"') => {
                self.advance();
                self.quoted()?
            }
            Some(_) => self.take_while(|b| !is_blank(b)).to_owned(),
        };
        if text.len() > STRING_MAX {
            let end = (0..=STRING_MAX)
                .rev()
                .find(|&n| text.is_char_boundary(n))
                .unwrap_or(0);
            text.truncate(end);
        }
        Ok(text)
    }

    fn quoted(&mut self) -> Result<String, StringError> {
        let mut text = String::new();
        loop {
            text.push_str(self.take_while(|b| b != b'"' && b != b'\\'));
            let mark = self.peek();
            self.advance();
            match mark {
                Some(b'"') => return Ok(text),
                Some(b'\\') => {
                    let escaped = self.peek();
                    self.advance();
                    text.push(match escaped {
                        Some(b'n') => '\n',
                        Some(b'r') => '\r',
                        Some(c @ (b'\\' | b'\'' | b'"')) => char::from(c),
                        _ => return Err(StringError),
                    });
                }
                _ => return Err(StringError),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("x/4xw 0", Some("x"), "/4xw 0")]
    #[case("  stop x", Some("stop"), " x")]
    #[case("/x", Some(""), "/x")]
    #[case(" \t\x0b\x0c\r", None, "")]
    #[case("stop\0garbage", Some("stop"), "")]
    fn a_name_ends_at_a_blank_or_a_slash(
        #[case] line: &str,
        #[case] name: Option<&str>,
        #[case] rest: &str,
    ) {
        let mut cursor = Cursor::new(line);
        assert_eq!(cursor.name(), name);
        assert_eq!(cursor.rest(), rest);
    }

    #[rstest]
    #[case("a b", Ok("a"), " b")]
    #[case(r#""a b"c"#, Ok("a b"), "c")]
    #[case(r#""\n\r\\\'\"""#, Ok("\n\r\\'\""), "")]
    #[case(r#"a\"b"#, Ok(r#"a\"b"#), "")]
    #[case("'a b'", Ok("'a"), " b'")]
    #[case(r#""""#, Ok(""), "")]
    #[case("   ", Err(StringError), "")]
    #[case(r#""a"#, Err(StringError), "")]
    #[case(r#""a\q""#, Err(StringError), "\"")]
    #[case(r#""\"#, Err(StringError), "")]
    fn strings(#[case] line: &str, #[case] text: Result<&str, StringError>, #[case] rest: &str) {
        let mut cursor = Cursor::new(line);
        assert_eq!(cursor.string(), text.map(str::to_owned));
        assert_eq!(cursor.rest(), rest);
    }

    #[test]
    fn a_long_string_is_cut_on_a_character_boundary() {
        let line = "é".repeat(700);
        let text = Cursor::new(&line).string().unwrap();
        assert_eq!(text.len(), 1022);
    }

    proptest! {
        #[test]
        fn any_line_is_read_to_its_end_without_a_panic(line in ".*") {
            let mut cursor = Cursor::new(&line);
            let _ = cursor.name();
            while cursor.peek().is_some() {
                let before = cursor.pos();
                let _ = cursor.string();
                prop_assert!(line.is_char_boundary(cursor.pos()));
                prop_assert!(cursor.pos() > before);
            }
        }
    }
}
