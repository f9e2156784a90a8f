// SPDX-License-Identifier: GPL-2.0-or-later
//! Splits bytes into tokens, and finds its way back after bytes that are none, as QEMU's lexer
//! does.
//!
//! It accepts more than JSON (single quotes, `\'`, any lower-case word as keyword) and leaves
//! judging words, escapes and encodings to the parser.

/// Largest token, in bytes (`MAX_TOKEN_SIZE`).
pub(crate) const MAX_TOKEN_BYTES: usize = 64 << 20;

/// Where a token starts: both count from 1, over the whole connection, and the column from the last
/// newline.
///
/// A token that starts with the very byte which ended the token (or the skipping) before it has a
/// column one too high: QEMU 11.1 counts that byte twice, and so does this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: u64,
    /// Column in bytes, from 1.
    pub column: u64,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    OpenBrace,
    CloseBrace,
    OpenBracket,
    CloseBracket,
    Colon,
    Comma,
    Integer,
    Float,
    Keyword,
    String,
    /// Bytes that start no token; the lexer now skips to the next byte that promises a fresh start.
    Error,
    /// A token that outgrew [`MAX_TOKEN_BYTES`]; it is dropped.
    TooLong,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Recovery,
    String(u8),
    Escape(u8),
    Zero,
    Digits,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
    Sign,
    Keyword,
}

/// What a byte does in a state.
enum Step {
    /// The byte belongs to the token, which goes on.
    Go(State),
    /// The byte completes the token.
    Ends(TokenKind),
    /// The token was complete before this byte, which is looked at again.
    Before(TokenKind),
    /// The byte is blank, or was looked at and dropped.
    Skip(State),
    /// The byte is looked at again from the start.
    Restart,
}

/// The lexer: bytes in, tokens out.
#[derive(Debug)]
pub(crate) struct Lexer {
    state: State,
    text: Vec<u8>,
    start: Position,
    line: u64,
    /// Bytes of the current line so far, this one included.
    column: u64,
}

impl Lexer {
    pub(crate) fn new() -> Self {
        let start = Position { line: 1, column: 1 };
        Self {
            state: State::Start,
            text: Vec::new(),
            start,
            line: 1,
            column: 0,
        }
    }

    /// Takes one byte and calls `token` for each token that is now complete (two at most).
    pub(crate) fn feed(&mut self, byte: u8, mut token: impl FnMut(TokenKind, &[u8], Position)) {
        if byte == b'\n' {
            self.line += 1;
            self.column = 0;
        } else {
            self.column += 1;
        }
        let mut again = 0;
        loop {
            if self.text.is_empty() {
                self.start = Position {
                    line: self.line,
                    column: self.column + again,
                };
                // A newline that is part of a stray token counts for the line it ends.
                if byte == b'\n' {
                    self.start = Position {
                        line: self.line,
                        column: again,
                    };
                }
            }
            match step(self.state, byte) {
                Step::Go(state) => {
                    self.text.push(byte);
                    self.state = state;
                }
                Step::Ends(kind) => {
                    self.text.push(byte);
                    token(kind, &self.text, self.start);
                    self.text.clear();
                    self.state = if kind == TokenKind::Error {
                        State::Recovery
                    } else {
                        State::Start
                    };
                }
                Step::Skip(state) => self.state = state,
                Step::Before(kind) => {
                    token(kind, &self.text, self.start);
                    self.text.clear();
                    self.state = State::Start;
                    again = 1;
                    continue;
                }
                Step::Restart => {
                    self.state = State::Start;
                    again = 1;
                    continue;
                }
            }
            break;
        }
        if self.text.len() > MAX_TOKEN_BYTES {
            token(TokenKind::TooLong, &self.text, self.start);
            self.text = Vec::new();
            self.state = State::Start;
        }
    }
}

fn step(state: State, byte: u8) -> Step {
    use State as S;
    use TokenKind as T;
    match (state, byte) {
        (S::Start, b'"' | b'\'') => Step::Go(S::String(byte)),
        (S::Start, b' ' | b'\t' | b'\r' | b'\n') => Step::Skip(S::Start),
        (S::Start, b'{') => Step::Ends(T::OpenBrace),
        (S::Start, b'}') => Step::Ends(T::CloseBrace),
        (S::Start, b'[') => Step::Ends(T::OpenBracket),
        (S::Start, b']') => Step::Ends(T::CloseBracket),
        (S::Start, b':') => Step::Ends(T::Colon),
        (S::Start, b',') => Step::Ends(T::Comma),
        (S::Start | S::Keyword, b'a'..=b'z') => Step::Go(S::Keyword),
        (S::Start | S::Sign, b'0') => Step::Go(S::Zero),
        (S::Start | S::Sign, b'1'..=b'9') => Step::Go(S::Digits),
        (S::Start, b'-') => Step::Go(S::Sign),
        (S::Recovery, b'[' | b']' | b'{' | b'}' | b':' | b',' | 0xFE | 0xFF) => Step::Restart,
        (S::Recovery, byte) if byte < 0x20 && byte != b'\t' => Step::Restart,
        (S::Recovery, _) => Step::Skip(S::Recovery),
        (S::String(quote), byte) if byte == quote => Step::Ends(T::String),
        (S::String(quote), b'\\') => Step::Go(S::Escape(quote)),
        (S::String(quote) | S::Escape(quote), 0x20..=0xFD) => Step::Go(S::String(quote)),
        (S::Zero, b'0'..=b'9') => Step::Ends(T::Error),
        (S::Digits, b'0'..=b'9') => Step::Go(S::Digits),
        (S::Zero | S::Digits, b'.') => Step::Go(S::Point),
        (S::Digits | S::Fraction, b'e' | b'E') => Step::Go(S::Exponent),
        (S::Point | S::Fraction, b'0'..=b'9') => Step::Go(S::Fraction),
        (S::Exponent, b'+' | b'-') => Step::Go(S::ExponentSign),
        (S::Exponent | S::ExponentSign | S::ExponentDigits, b'0'..=b'9') => {
            Step::Go(S::ExponentDigits)
        }
        (S::Zero | S::Digits, _) => Step::Before(T::Integer),
        (S::Fraction | S::ExponentDigits, _) => Step::Before(T::Float),
        (S::Keyword, _) => Step::Before(T::Keyword),
        _ => Step::Ends(T::Error),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn lex(input: &[u8]) -> Vec<(TokenKind, String, String)> {
        let mut lexer = Lexer::new();
        let mut tokens = Vec::new();
        for &byte in input {
            lexer.feed(byte, |kind, text, at| {
                tokens.push((
                    kind,
                    String::from_utf8_lossy(text).into_owned(),
                    at.to_string(),
                ));
            });
        }
        tokens
    }

    #[rstest]
    #[case(b"-1.5e+3 ", TokenKind::Float, "-1.5e+3", "1:1")]
    #[case(b"\n 12,", TokenKind::Integer, "12", "2:2")]
    #[case(b"'a\"\\'b'", TokenKind::String, "'a\"\\'b'", "1:1")]
    #[case(b"01", TokenKind::Error, "01", "1:1")]
    #[case(b"1.}", TokenKind::Error, "1.}", "1:1")]
    #[case(b"--", TokenKind::Error, "--", "1:1")]
    #[case(b"\"a\t", TokenKind::Error, "\"a\t", "1:1")]
    #[case(b"nullx ", TokenKind::Keyword, "nullx", "1:1")]
    fn first_token(
        #[case] input: &[u8],
        #[case] kind: TokenKind,
        #[case] text: &str,
        #[case] at: &str,
    ) {
        assert_eq!(lex(input)[0], (kind, text.to_owned(), at.to_owned()));
    }

    #[test]
    fn a_byte_looked_at_twice_counts_twice() {
        let places: Vec<_> = lex(b"\xff\xff{").into_iter().map(|token| token.2).collect();
        assert_eq!(places, ["1:1", "1:3", "1:4"]);
        let places: Vec<_> = lex(b"foo-s,").into_iter().map(|token| token.2).collect();
        assert_eq!(places, ["1:1", "1:5", "1:7"]);
    }

    #[test]
    fn skipping_ends_at_a_promising_byte() {
        let kinds: Vec<_> = lex(b"@ abc \"x\" 1\t true {")
            .into_iter()
            .map(|token| token.0)
            .collect();
        assert_eq!(kinds, [TokenKind::Error, TokenKind::OpenBrace]);
    }
}
