// SPDX-License-Identifier: GPL-2.0-or-later
//! Assembles tokens into values as they arrive, and reports what is not a value the way QEMU does.
//!
//! QEMU up to 10 collects the tokens of a value until its brackets balance and parses them then;
//! QEMU 11 parses each token at once and, after an error, ignores the rest of the value. Both find
//! the same first error, so one parser serves both: it notes the first error, and the [`Dialect`]
//! says when to report.

use super::lexer::{Lexer, MAX_TOKEN_BYTES, Position, TokenKind};
use super::unicode::{decode, is_valid};
use super::value::{Object, Value, sort_as_qdict};
use super::write::escape_bytes;
use crate::release::{Release, v};

/// Deepest nesting of brackets (`MAX_NESTING`).
const MAX_NESTING: i64 = 1024;
/// Most tokens in one value (`MAX_TOKEN_COUNT`).
const MAX_TOKENS: u64 = 2 << 20;
/// QEMU 10 formats a parse error's text into a buffer of this size, terminator included.
const OLD_TEXT_LIMIT: usize = 1024;

/// The first release with the new parser (11.1, seen: on 11.1.3; the sources of 10.2 do not have it).
const NEW_PARSER: Release = v(11, 1);

/// Which QEMU's manner of reporting JSON errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The old parser: no position, errors inside a value are reported when its brackets balance, a
    /// value over the limits is dropped and what follows is read as new input.
    Old,
    /// The new parser: texts carry `LINE:COLUMN: `, errors are reported at once, the rest of the broken
    /// value is ignored until its brackets balance or a byte that cannot be JSON comes.
    New,
}

impl Dialect {
    /// The dialect of a QEMU by its release.
    #[must_use]
    pub fn of(release: Release) -> Self {
        if release >= NEW_PARSER {
            Self::New
        } else {
            Self::Old
        }
    }
}

/// Input that is not a JSON value, with QEMU's text for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct JsonError {
    /// QEMU's description.
    pub text: String,
}

/// One array or object that is still open.
#[derive(Debug)]
enum Frame {
    Array(Vec<Value>),
    /// The members so far, and the key whose value comes next.
    Object(Object, Option<String>),
}

/// What the parser waits for inside the innermost frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// A value: at the top level, or where it must come.
    Value,
    /// The first element, or the end of the array.
    FirstElement,
    /// The first key, or the end of the object.
    FirstKey,
    /// A key, after a comma.
    Key,
    Colon,
    /// A comma or the closing bracket.
    Separator,
}

/// The parser: bytes in; values and errors out, in the order in which QEMU handles them.
#[derive(Debug)]
pub struct Parser {
    lexer: Lexer,
    assembler: Assembler,
}

#[derive(Debug)]
struct Assembler {
    dialect: Dialect,
    braces: i64,
    brackets: i64,
    tokens: u64,
    token_bytes: usize,
    stack: Vec<Frame>,
    expect: Expect,
    /// The first error of the value at hand: what remains of it is only counted.
    broken: Option<JsonError>,
    /// The error was reported already.
    reported: bool,
    done: Option<Value>,
}

impl Parser {
    /// A parser at the start of a connection.
    #[must_use]
    pub fn new(dialect: Dialect) -> Self {
        let assembler = Assembler {
            dialect,
            braces: 0,
            brackets: 0,
            tokens: 0,
            token_bytes: 0,
            stack: Vec::new(),
            expect: Expect::Value,
            broken: None,
            reported: false,
            done: None,
        };
        Self {
            lexer: Lexer::new(),
            assembler,
        }
    }

    /// Takes one byte; calls `emit` for each value or error that it completes (two at most).
    pub fn feed(&mut self, byte: u8, emit: &mut dyn FnMut(Result<Value, JsonError>)) {
        let assembler = &mut self.assembler;
        self.lexer
            .feed(byte, |kind, text, at| assembler.token(kind, text, at, emit));
    }

    /// Whether a value has begun and not ended.
    #[must_use]
    pub fn in_value(&self) -> bool {
        self.assembler.tokens > 0
    }
}

impl Assembler {
    fn token(
        &mut self,
        kind: TokenKind,
        text: &[u8],
        at: Position,
        emit: &mut dyn FnMut(Result<Value, JsonError>),
    ) {
        match kind {
            TokenKind::OpenBrace => self.braces += 1,
            TokenKind::CloseBrace => self.braces -= 1,
            TokenKind::OpenBracket => self.brackets += 1,
            TokenKind::CloseBracket => self.brackets -= 1,
            TokenKind::Error => {
                let silent = self.reported;
                self.reset();
                if !silent {
                    emit(Err(
                        self.parse_error(at, &format!("stray '{}'", escape_bytes(text)))
                    ));
                }
                return;
            }
            _ => {}
        }
        if let Some(limit) = self.over_limit(kind, text.len()) {
            return self.hit_limit(limit, emit);
        }
        self.tokens += 1;
        self.token_bytes += text.len();
        let taken = match self.broken {
            None => self.take(kind, text, at),
            Some(_) => Ok(()),
        };
        if let Err(error) = taken {
            self.stack.clear();
            if self.dialect == Dialect::New {
                emit(Err(error.clone()));
                self.reported = true;
            }
            self.broken = Some(error);
        }
        let open = self.braces > 0 || self.brackets > 0;
        if open && self.braces >= 0 && self.brackets >= 0 {
            return;
        }
        let result = match (self.broken.take(), self.done.take()) {
            (Some(error), _) => Err(error),
            (None, Some(value)) => Ok(value),
            // Brackets in balance without an error make a complete value, so this does not occur.
            (None, None) => Err(JsonError {
                text: "JSON parse error, premature EOI".to_owned(),
            }),
        };
        let silent = self.reported;
        self.reset();
        if !silent {
            emit(result);
        }
    }

    /// Whether this token goes beyond what QEMU holds of one value, checked in QEMU's order.
    fn over_limit(&self, kind: TokenKind, length: usize) -> Option<&'static str> {
        if self.reported {
            return None;
        }
        if kind == TokenKind::TooLong || self.token_bytes + length + 1 > MAX_TOKEN_BYTES {
            Some("JSON token size limit exceeded")
        } else if self.tokens + 1 > MAX_TOKENS {
            Some("JSON token count limit exceeded")
        } else if self.brackets + self.braces > MAX_NESTING {
            Some("JSON nesting depth limit exceeded")
        } else {
            None
        }
    }

    fn hit_limit(&mut self, text: &str, emit: &mut dyn FnMut(Result<Value, JsonError>)) {
        let error = JsonError {
            text: text.to_owned(),
        };
        let open = self.braces > 0 || self.brackets > 0;
        if self.dialect == Dialect::Old || !open {
            self.reset();
        } else {
            self.stack.clear();
            self.broken = Some(error.clone());
            self.reported = true;
        }
        emit(Err(error));
    }

    fn reset(&mut self) {
        self.braces = 0;
        self.brackets = 0;
        self.tokens = 0;
        self.token_bytes = 0;
        self.stack.clear();
        self.expect = Expect::Value;
        self.broken = None;
        self.reported = false;
        self.done = None;
    }

    fn parse_error(&self, at: Position, text: &str) -> JsonError {
        let text = match self.dialect {
            Dialect::Old => format!("JSON parse error, {text}"),
            Dialect::New => format!("{at}: JSON parse error, {text}"),
        };
        JsonError { text }
    }

    /// An error that the two dialects word differently.
    fn worded(&self, at: Position, old: &str, new: &str) -> JsonError {
        self.parse_error(
            at,
            if self.dialect == Dialect::Old {
                old
            } else {
                new
            },
        )
    }

    fn take(&mut self, kind: TokenKind, text: &[u8], at: Position) -> Result<(), JsonError> {
        match self.expect {
            Expect::Separator => return self.separator(kind, at),
            Expect::Colon if kind == TokenKind::Colon => {
                self.expect = Expect::Value;
                return Ok(());
            }
            Expect::Colon => {
                return Err(self.worded(at, "missing : in object pair", "expecting ':'"));
            }
            Expect::FirstElement if kind == TokenKind::CloseBracket => return self.close(at),
            Expect::FirstKey if kind == TokenKind::CloseBrace => return self.close(at),
            Expect::FirstKey | Expect::Key
                if self.dialect == Dialect::New && kind != TokenKind::String =>
            {
                return Err(self.parse_error(at, "expecting key"));
            }
            _ => {}
        }
        let value = match kind {
            TokenKind::OpenBracket => {
                self.stack.push(Frame::Array(Vec::new()));
                self.expect = Expect::FirstElement;
                return Ok(());
            }
            TokenKind::OpenBrace => {
                self.stack.push(Frame::Object(Object::new(), None));
                self.expect = Expect::FirstKey;
                return Ok(());
            }
            TokenKind::Keyword => self.keyword(text, at)?,
            TokenKind::String => Value::String(self.string(text, at)?),
            TokenKind::Integer | TokenKind::Float => number(kind, text),
            _ => return Err(self.parse_error(at, "expecting value")),
        };
        self.complete(value, at)
    }

    fn separator(&mut self, kind: TokenKind, at: Position) -> Result<(), JsonError> {
        let in_array = matches!(self.stack.last(), Some(Frame::Array(_)));
        match kind {
            TokenKind::Comma => {
                self.expect = if in_array { Expect::Value } else { Expect::Key };
                Ok(())
            }
            TokenKind::CloseBracket if in_array => self.close(at),
            TokenKind::CloseBrace if !in_array => self.close(at),
            _ if in_array => {
                Err(self.worded(at, "expected separator in list", "expected ',' or ']'"))
            }
            _ => Err(self.worded(at, "expected separator in dict", "expected ',' or '}'")),
        }
    }

    /// The innermost array or object is complete.
    fn close(&mut self, at: Position) -> Result<(), JsonError> {
        let value = match self.stack.pop() {
            Some(Frame::Array(elements)) => Value::Array(elements),
            Some(Frame::Object(mut members, _)) => {
                sort_as_qdict(&mut members);
                Value::Object(members)
            }
            None => return Err(self.parse_error(at, "expecting value")),
        };
        self.complete(value, at)
    }

    /// A value is complete: puts it where it belongs.
    fn complete(&mut self, value: Value, at: Position) -> Result<(), JsonError> {
        match self.stack.last_mut() {
            None => self.done = Some(value),
            Some(Frame::Array(elements)) => {
                elements.push(value);
                self.expect = Expect::Separator;
            }
            Some(Frame::Object(_, key @ None)) => {
                let Value::String(text) = value else {
                    return Err(self.parse_error(at, "key is not a string in object"));
                };
                *key = Some(text);
                self.expect = Expect::Colon;
            }
            Some(Frame::Object(members, key)) => {
                let before = key.take().and_then(|key| members.insert(key, value));
                if before.is_some() {
                    return Err(self.parse_error(at, "duplicate key"));
                }
                self.expect = Expect::Separator;
            }
        }
        Ok(())
    }

    fn keyword(&self, text: &[u8], at: Position) -> Result<Value, JsonError> {
        match text {
            b"true" => Ok(Value::Bool(true)),
            b"false" => Ok(Value::Bool(false)),
            b"null" => Ok(Value::Null),
            _ => {
                let mut message = format!("invalid keyword '{}'", escape_bytes(text));
                if self.dialect == Dialect::Old {
                    message.truncate(OLD_TEXT_LIMIT - 1);
                }
                Err(self.parse_error(at, &message))
            }
        }
    }

    /// The content of a string token, quotes included.
    fn string(&self, token: &[u8], at: Position) -> Result<String, JsonError> {
        let mut rest = &token[1..token.len().saturating_sub(1)];
        let mut text = String::with_capacity(rest.len());
        while let Some(&byte) = rest.first() {
            if byte != b'\\' {
                let (point, length) = decode(rest);
                let Some(character) = point.and_then(char::from_u32) else {
                    return Err(self.parse_error(at, "invalid UTF-8 sequence in string"));
                };
                text.push(character);
                rest = &rest[length..];
                continue;
            }
            let plain = match rest.get(1) {
                Some(&same @ (b'"' | b'\'' | b'\\' | b'/')) => char::from(same),
                Some(b'b') => '\u{8}',
                Some(b'f') => '\u{C}',
                Some(b'n') => '\n',
                Some(b'r') => '\r',
                Some(b't') => '\t',
                Some(b'u') => {
                    let (point, length) = unicode_escape(rest, token);
                    let Some(character) = point else {
                        let quoted = escape_bytes(length);
                        return Err(self.parse_error(
                            at,
                            &format!("{quoted} is not a valid Unicode character"),
                        ));
                    };
                    text.push(character);
                    rest = &rest[length.len()..];
                    continue;
                }
                _ => return Err(self.parse_error(at, "invalid escape sequence in string")),
            };
            text.push(plain);
            rest = &rest[2..];
        }
        Ok(text)
    }
}

/// Reads `\uXXXX`, or a surrogate pair of them, at the front of `rest`: the character and the bytes
/// it takes.
///
/// What QEMU quotes of a bad one is always six bytes, even where the string ends before.
fn unicode_escape<'a>(rest: &'a [u8], token: &'a [u8]) -> (Option<char>, &'a [u8]) {
    let start = token.len() - 1 - rest.len();
    let quoted = &token[start..token.len().min(start + 6)];
    let unit = |bytes: &[u8]| -> Option<u32> {
        let digits = bytes
            .get(2..6)
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
        bytes.starts_with(b"\\u").then_some(())?;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let Some(first) = unit(rest) else {
        return (None, quoted);
    };
    if !(0xD800..0xDC00).contains(&first) {
        return (
            Some(first)
                .filter(|&point| is_valid(point))
                .and_then(char::from_u32),
            quoted,
        );
    }
    match unit(&rest[6..]) {
        Some(second) if (0xDC00..0xE000).contains(&second) => {
            let point = 0x1_0000 + ((first & 0x3FF) << 10) + (second & 0x3FF);
            let quoted = &token[start..start + 12];
            (
                Some(point)
                    .filter(|&point| is_valid(point))
                    .and_then(char::from_u32),
                quoted,
            )
        }
        _ => (None, quoted),
    }
}

/// Integers stay exact from -2^63 to 2^64-1; everything else is a double.
fn number(kind: TokenKind, text: &[u8]) -> Value {
    // The lexer lets only digits, signs, points and exponents through.
    let text = std::str::from_utf8(text).unwrap_or("0");
    if kind == TokenKind::Integer {
        if let Ok(number) = text.parse() {
            return Value::Int(number);
        }
        if let Ok(number) = text.parse() {
            return Value::UInt(number);
        }
    }
    Value::Double(text.parse().unwrap_or(0.0))
}
