// SPDX-License-Identifier: GPL-2.0-or-later
//! JSON as QEMU reads it from people: single quotes will do as well, and errors are worded as QEMU
//! words them (qobject/json-lexer.c, json-parser.c).

use serde_json::{Map, Number, Value};

use crate::qmp::version::{Version, v};

/// The deepest nesting that is read; QEMU takes 1024, but no property has any use for that.
const MAX_NESTING: i32 = 128;

/// The first release with other words and with positions in front of them
/// (11.1, seen: on 11.1.3; the sources of 10.2 do not have them).
const POSITIONS: Version = v(11, 1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Punctuation(u8),
    Word,
    Number,
    Text,
}

#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    start: usize,
    /// Where QEMU says that it starts.
    column: usize,
}

impl Token<'_> {
    /// Whether only what follows says where it ends.
    fn open_ended(&self) -> bool {
        matches!(self.kind, Kind::Word | Kind::Number)
    }
}

enum Lexed<'a> {
    Token(Token<'a>),
    /// What can't be a token, from `start` on.
    Stray(&'a str, usize),
}

/// Reads `text` as one JSON value; the error is the sentence that a QEMU of that release says.
pub fn parse(text: &str, version: Version) -> Result<Value, String> {
    let positions = version >= POSITIONS;
    let mut at = 0;
    let mut tokens = Vec::new();
    let mut depth = (0i32, 0i32);
    let mut stray = None;
    while let Some(lexed) = next(text, &mut at) {
        // QEMU counts the byte that ended a number or a word twice.
        let twice = |start: usize| {
            let ended = |t: &Token<'_>| t.open_ended() && t.start + t.text.len() == start;
            usize::from(tokens.last().is_some_and(ended))
        };
        let token = match lexed {
            Lexed::Token(mut token) => {
                token.column = token.start + twice(token.start);
                token
            }
            Lexed::Stray(text, start) => {
                stray = Some((text, start + twice(start)));
                break;
            }
        };
        match token.kind {
            Kind::Punctuation(b'{') => depth.0 += 1,
            Kind::Punctuation(b'}') => depth.0 -= 1,
            Kind::Punctuation(b'[') => depth.1 += 1,
            Kind::Punctuation(b']') => depth.1 -= 1,
            _ => {}
        }
        tokens.push(token);
        if depth.0 + depth.1 > MAX_NESTING {
            return Err("JSON nesting depth limit exceeded".into());
        }
        if depth.0 < 0 || depth.1 < 0 || depth == (0, 0) {
            break;
        }
    }
    if tokens.is_empty() && stray.is_none() {
        return Err("Expecting a JSON value".into());
    }
    let end = text.len() + usize::from(tokens.last().is_some_and(Token::open_ended));
    let mut parser = Parser {
        tokens: &tokens,
        next: 0,
        new: positions,
    };
    let shown = |message: &str, start: usize| {
        if positions {
            format!("{}: JSON parse error, {message}", position(text, start))
        } else {
            format!("JSON parse error, {message}")
        }
    };
    let value = match (parser.value(), stray) {
        (Ok(value), None) => value,
        // The new parser looks at each token as it comes, the old one at all of them together.
        (Err(Wrong::At(message, start)), None) => return Err(shown(&message, start)),
        (Err(Wrong::At(message, start)), Some(_)) if positions => {
            return Err(shown(&message, start));
        }
        (_, Some((text, start))) => return Err(shown(&format!("stray '{text}'"), start)),
        (Err(Wrong::End), None) => {
            let message = if positions {
                "premature end of input"
            } else {
                "premature EOI"
            };
            return Err(shown(message, end));
        }
    };
    if next(text, &mut at).is_some() {
        return Err("Expecting at most one JSON value".into());
    }
    Ok(value)
}

/// Line and column of byte `at`, from 1.
fn position(text: &str, at: usize) -> String {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
    let line_start = before
        .iter()
        .rposition(|&b| b == b'\n')
        .map_or(0, |i| i + 1);
    format!("{line}:{}", at - line_start + 1)
}

/// The next token at `at`, which moves behind it.
fn next<'a>(text: &'a str, at: &mut usize) -> Option<Lexed<'a>> {
    let bytes = text.as_bytes();
    while bytes.get(*at).is_some_and(|b| b" \t\r\n".contains(b)) {
        *at += 1;
    }
    let start = *at;
    let first = *bytes.get(start)?;
    let token = |kind, end: usize| {
        Lexed::Token(Token {
            kind,
            text: &text[start..end],
            start,
            column: start,
        })
    };
    // Strays end behind the byte that could not follow; a character is not cut.
    let stray = |end: usize| {
        let mut end = end.min(text.len());
        while !text.is_char_boundary(end) {
            end += 1;
        }
        Lexed::Stray(&text[start..end], start)
    };
    let (lexed, end) = match first {
        b'{' | b'}' | b'[' | b']' | b':' | b',' => {
            (token(Kind::Punctuation(first), start + 1), start + 1)
        }
        b'a'..=b'z' => {
            let end = skip(bytes, start, |b| b.is_ascii_lowercase());
            (token(Kind::Word, end), end)
        }
        b'"' | b'\'' => match string_end(bytes, start) {
            Ok(end) => (token(Kind::Text, end), end),
            Err(end) => (stray(end), text.len()),
        },
        b'-' | b'0'..=b'9' => match number_end(bytes, start) {
            Ok(end) => (token(Kind::Number, end), end),
            Err(end) => (stray(end), text.len()),
        },
        _ => (stray(start + 1), text.len()),
    };
    *at = end;
    Some(lexed)
}

fn skip(bytes: &[u8], start: usize, wanted: impl Fn(u8) -> bool) -> usize {
    bytes[start..]
        .iter()
        .position(|&b| !wanted(b))
        .map_or(bytes.len(), |len| start + len)
}

/// Behind the closing quote; or, where there is none, behind what belongs to the broken string.
fn string_end(bytes: &[u8], start: usize) -> Result<usize, usize> {
    let quote = bytes[start];
    let mut at = start + 1;
    while let Some(&b) = bytes.get(at) {
        at += 1;
        match b {
            _ if b == quote => return Ok(at),
            b'\\' => match bytes.get(at) {
                Some(0x20..) => at += 1,
                _ => return Err(at + 1),
            },
            0..0x20 => return Err(at),
            _ => {}
        }
    }
    Err(at)
}

/// Behind the number; or, where it breaks off, behind the byte that could not follow.
fn number_end(bytes: &[u8], start: usize) -> Result<usize, usize> {
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let digits = |at: usize| skip(bytes, at.min(bytes.len()), |b| b.is_ascii_digit());
    let mut at = start + usize::from(bytes[start] == b'-');
    if !digit(at) {
        return Err(at + 1);
    }
    let zero = bytes[at] == b'0';
    if zero {
        at += 1;
        if digit(at) {
            return Err(at + 1);
        }
    } else {
        at = digits(at);
    }
    let whole = at;
    if bytes.get(at) == Some(&b'.') {
        if !digit(at + 1) {
            return Err(at + 2);
        }
        at = digits(at + 1);
    }
    // QEMU's lexer has no exponent right behind a zero.
    let bare_zero = zero && at == whole;
    if !bare_zero && bytes.get(at).is_some_and(|b| b.eq_ignore_ascii_case(&b'e')) {
        let sign = usize::from(bytes.get(at + 1).is_some_and(|b| b"+-".contains(b)));
        if !digit(at + 1 + sign) {
            return Err(at + 2 + sign);
        }
        at = digits(at + 1 + sign);
    }
    Ok(at)
}

enum Wrong {
    /// At the token that starts there.
    At(String, usize),
    End,
}

struct Parser<'t, 'a> {
    tokens: &'t [Token<'a>],
    next: usize,
    /// Whether errors are worded as from [`POSITIONS`] on.
    new: bool,
}

impl<'a> Parser<'_, 'a> {
    fn take(&mut self) -> Result<Token<'a>, Wrong> {
        let token = *self.tokens.get(self.next).ok_or(Wrong::End)?;
        self.next += 1;
        Ok(token)
    }

    fn peek(&self) -> Result<Token<'a>, Wrong> {
        self.tokens.get(self.next).copied().ok_or(Wrong::End)
    }

    fn wrong<T>(&self, token: Token<'_>, old: &str, new: &str) -> Result<T, Wrong> {
        let message = if self.new { new } else { old };
        Err(Wrong::At(message.to_owned(), token.column))
    }

    fn value(&mut self) -> Result<Value, Wrong> {
        let token = self.take()?;
        match token.kind {
            Kind::Punctuation(b'{') => self.object(),
            Kind::Punctuation(b'[') => self.array(),
            Kind::Punctuation(_) => self.wrong(token, "expecting value", "expecting value"),
            Kind::Word => match token.text {
                "true" => Ok(true.into()),
                "false" => Ok(false.into()),
                "null" => Ok(Value::Null),
                other => {
                    let message = format!("invalid keyword '{other}'");
                    self.wrong(token, &message, &message)
                }
            },
            Kind::Number => Ok(number(token.text)),
            Kind::Text => match string(token.text) {
                Ok(text) => Ok(text.into()),
                Err(message) => self.wrong(token, &message, &message),
            },
        }
    }

    fn array(&mut self) -> Result<Value, Wrong> {
        let mut items = Vec::new();
        if self.peek()?.kind == Kind::Punctuation(b']') {
            self.next += 1;
            return Ok(items.into());
        }
        loop {
            items.push(self.value()?);
            let token = self.take()?;
            match token.kind {
                Kind::Punctuation(b']') => return Ok(items.into()),
                Kind::Punctuation(b',') => {}
                _ => return self.wrong(token, "expected separator in list", "expected ',' or ']'"),
            }
        }
    }

    fn object(&mut self) -> Result<Value, Wrong> {
        let mut members = Map::new();
        if self.peek()?.kind == Kind::Punctuation(b'}') {
            self.next += 1;
            return Ok(members.into());
        }
        loop {
            let key = self.key()?;
            let colon = self.take()?;
            if colon.kind != Kind::Punctuation(b':') {
                return self.wrong(colon, "missing : in object pair", "expecting ':'");
            }
            let value = self.value()?;
            if members.insert(key, value).is_some() {
                let last = self.tokens[self.next - 1];
                return self.wrong(last, "duplicate key", "duplicate key");
            }
            let token = self.take()?;
            match token.kind {
                Kind::Punctuation(b'}') => return Ok(members.into()),
                Kind::Punctuation(b',') => {}
                _ => return self.wrong(token, "expected separator in dict", "expected ',' or '}'"),
            }
        }
    }

    fn key(&mut self) -> Result<String, Wrong> {
        let token = self.peek()?;
        if self.new && token.kind != Kind::Text {
            return self.wrong(token, "", "expecting key");
        }
        match self.value()? {
            Value::String(key) => Ok(key),
            _ => self.wrong(token, "key is not a string in object", "expecting key"),
        }
    }
}

/// Integers beyond 64 bits become floating-point numbers.
fn number(text: &str) -> Value {
    if let Ok(value) = text.parse::<i64>() {
        return value.into();
    }
    if let Ok(value) = text.parse::<u64>() {
        return value.into();
    }
    text.parse()
        .ok()
        .and_then(Number::from_f64)
        .map_or(Value::Null, Value::Number)
}

/// The text of a string token, quotes included.
fn string(token: &str) -> Result<String, String> {
    let body = &token[1..token.len() - 1];
    let mut text = String::new();
    let mut rest = body;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let escape = &rest[at..];
        let letter = escape[1..].chars().next().unwrap_or('\0');
        let mut len = 1 + letter.len_utf8();
        text.push(match letter {
            '"' | '\'' | '\\' | '/' => letter,
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let (c, end) = unicode(&token[token.len() - 1 - escape.len()..])?;
                len = end;
                c
            }
            _ => return Err("invalid escape sequence in string".into()),
        });
        rest = &escape[len..];
    }
    text.push_str(rest);
    Ok(text)
}

/// The character of a `\uXXXX` at the start of `text`, surrogate pairs joined, and the length read.
fn unicode(text: &str) -> Result<(char, usize), String> {
    let four = |at: usize| {
        text.get(at..at + 4)
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
    };
    let first = four(2);
    let second = || four(8).filter(|_| text.get(6..8) == Some("\\u"));
    let pair = match first {
        Some(lead @ 0xd800..0xdc00) => match second() {
            Some(trail @ 0xdc00..0xe000) => {
                char::from_u32(0x10000 + ((lead & 0x3ff) << 10) + (trail & 0x3ff))
            }
            _ => None,
        },
        _ => None,
    };
    if let Some(c) = pair {
        return Ok((c, 12));
    }
    match first.and_then(char::from_u32) {
        Some(c) => Ok((c, 6)),
        None => {
            let shown: String = text.chars().take(6).collect();
            Err(format!("{shown} is not a valid Unicode character"))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    // Answers to qom-set -j; the second column is 10.0.2's, the third 11.1.3's.
    #[rstest]
    #[case("foo", "invalid keyword 'foo'", "1:1: invalid keyword 'foo'")]
    #[case("@", "stray '@'", "1:1: stray '@'")]
    #[case("[1", "premature EOI", "1:4: premature end of input")]
    #[case("[1,]", "expecting value", "1:4: expecting value")]
    #[case("{\"a\" 1}", "missing : in object pair", "1:6: expecting ':'")]
    #[case("{'a':1,'a':2}", "duplicate key", "1:12: duplicate key")]
    #[case(
        "{\"a\":1 \"b\"}",
        "expected separator in dict",
        "1:8: expected ',' or '}'"
    )]
    #[case("{1:2}", "key is not a string in object", "1:2: expecting key")]
    #[case("01", "stray '01'", "1:1: stray '01'")]
    #[case("\"a", "stray '\"a'", "1:1: stray '\"a'")]
    #[case(
        "\"a\\q\"",
        "invalid escape sequence in string",
        "1:1: invalid escape sequence in string"
    )]
    #[case(
        "\"\\ud800\"",
        "\\ud800 is not a valid Unicode character",
        "1:1: \\ud800 is not a valid Unicode character"
    )]
    #[case(
        "\"\\u12\"",
        "\\u12\" is not a valid Unicode character",
        "1:1: \\u12\" is not a valid Unicode character"
    )]
    #[case("[1 2]", "expected separator in list", "1:4: expected ',' or ']'")]
    #[case("{\"a\":}", "expecting value", "1:6: expecting value")]
    #[case("]", "expecting value", "1:1: expecting value")]
    #[case("{\"a\":1,}", "expecting value", "1:8: expecting key")]
    #[case("{\"a\":1,5", "key is not a string in object", "1:8: expecting key")]
    #[case("{\"a\":1]}", "expected separator in dict", "1:8: expected ',' or '}'")]
    #[case(
        "[null\"a\"]",
        "expected separator in list",
        "1:7: expected ',' or ']'"
    )]
    #[case("[1@]", "stray '@'", "1:4: stray '@'")]
    #[case("- 3", "stray '- '", "1:1: stray '- '")]
    #[case("{:", "expecting value", "1:2: expecting key")]
    #[case("{\"a\"", "premature EOI", "1:5: premature end of input")]
    #[case("{", "premature EOI", "1:2: premature end of input")]
    fn wrong_json(#[case] text: &str, #[case] old: &str, #[case] new: &str) {
        let old = format!("JSON parse error, {old}");
        assert_eq!(parse(text, v(10, 0)), Err(old));
        let new = new.replacen(": ", ": JSON parse error, ", 1);
        assert_eq!(parse(text, v(11, 1)), Err(new));
    }

    #[test]
    fn one_value_and_no_more() {
        for text in ["1 2", "1 @", "{} ]", "0e1", "-0e1"] {
            let error = "Expecting at most one JSON value".to_owned();
            assert_eq!(parse(text, v(10, 0)), Err(error));
        }
        assert_eq!(parse(" ", v(10, 0)), Err("Expecting a JSON value".into()));
    }

    #[test]
    fn single_quotes_and_large_numbers() {
        assert_eq!(
            parse(
                r#"{'a': ["\u00e9\ud83d\ude00", 'it\'s "x"', -0.5e1, 18446744073709551615, null]}"#,
                v(10, 0)
            ),
            Ok(json!({"a": ["é😀", "it's \"x\"", -5.0, u64::MAX, null]}))
        );
        assert_eq!(
            parse("18446744073709551616", v(10, 0)),
            Ok(json!(18446744073709551616.0))
        );
    }

    #[test]
    fn nesting_is_limited() {
        assert!(parse(&"[".repeat(1 << 20), v(10, 0)).is_err());
        assert!(parse(&format!("{}{}", "[".repeat(128), "]".repeat(128)), v(10, 0)).is_ok());
    }

    proptest! {
        #[test]
        fn json_is_read_as_json(text in r#"[\[\]{}:,"'a-z0-9\\ .é-]{0,20}"#) {
            if let Ok(value) = serde_json::from_str::<Value>(&text)
                && !text.contains('"')
                // For serde_json a float; QEMU reads an integer.
                && !text.contains("-0")
                && !text.contains("0e")
            {
                prop_assert_eq!(parse(&text, v(10, 0)), Ok(value));
            } else {
                let _ = parse(&text, v(11, 1));
            }
        }
    }
}
