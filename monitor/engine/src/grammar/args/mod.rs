// SPDX-License-Identifier: GPL-2.0-or-later
//! args_type: what a command takes, and how the built-in reads it (monitor/hmp.c,
//! `monitor_parse_arguments`).
//!
//! An args_type is a list of `key:letter` separated by commas. Letters: `F` file, `B` block device
//! and `s` string (all read alike), `S` rest of the line, `O` option list, `i` 32-bit and `l`
//! 64-bit expression, `M` mebibytes, `o` size, `T` seconds, `b` on or off, `/` format, `-x` flag,
//! `-xs` flag with a string; `?` behind a letter makes it optional, `.` optional behind a dot.

use serde_json::{Map, Value};

use crate::grammar::expr::{self, Context, ExprError};
use crate::grammar::line::Cursor;
use crate::grammar::size::{self, MIB, Rules};

/// Arguments of a line, by the names that args_type gives them.
pub type Args = Map<String, Value>;

/// The sticky part of a `/fmt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// One of `o d u x i c`.
    pub letter: char,
    /// Bytes per item: 1, 2, 4 or 8.
    pub size: i64,
}

impl Default for Format {
    /// Hexadecimal words, as QEMU starts with.
    fn default() -> Self {
        Self {
            letter: 'x',
            size: 4,
        }
    }
}

/// What is wrong with a line's arguments: text in the built-in's words with its line ends, before
/// the line that points to help; empty where the built-in prints only that one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgError {
    /// The line is wrong.
    #[error("{0}")]
    Text(String),
    /// The line holds a division that would kill QEMU in the built-in monitor.
    #[error("{0}")]
    Overflow(String),
    /// The line may be right, but needs a register that we can't read.
    #[error("{0}")]
    Register(ExprError),
}

/// What reading depends on beside the line.
#[derive(Clone, Copy)]
pub struct Rulebook<'a> {
    /// For expressions.
    pub expressions: Context<'a>,
    /// For sizes.
    pub sizes: Rules,
}

/// Arguments of one line.
#[derive(Debug, Default)]
pub struct Parsed {
    /// By key; absent optional arguments and flags are left out.
    pub args: Args,
    /// Where the text behind a format starts, if the command takes one: for lines that are passed
    /// on.
    pub after_format: Option<usize>,
}

/// Reads the arguments of the command with table name `name` and args_type `spec` at the cursor, to
/// the end of the line, or to what is wrong. `format` is the sticky format; it changes even when a
/// later argument is wrong.
pub fn parse(
    name: &str,
    spec: &str,
    cursor: &mut Cursor<'_>,
    format: &mut Format,
    rules: Rulebook<'_>,
) -> (Parsed, Result<(), ArgError>) {
    let mut reader = Reader {
        name,
        cursor,
        rules,
        parsed: Parsed::default(),
    };
    let ended = reader.arguments(spec, format);
    (reader.parsed, ended)
}

struct Reader<'r, 'l> {
    name: &'r str,
    cursor: &'r mut Cursor<'l>,
    rules: Rulebook<'r>,
    parsed: Parsed,
}

impl Reader<'_, '_> {
    fn arguments(&mut self, spec: &str, format: &mut Format) -> Result<(), ArgError> {
        let mut rest = spec;
        while let Some((key, after)) = rest.split_once(':') {
            rest = self.argument(key, after, format)?;
            rest = rest.strip_prefix(',').unwrap_or(rest);
        }
        self.cursor.skip_blanks();
        match self.cursor.peek() {
            Some(_) => Err(self.text("extraneous characters at the end of line")),
            None => Ok(()),
        }
    }

    /// Reads one argument; `spec` starts behind the colon. Returns what is left of the args_type.
    fn argument<'s>(
        &mut self,
        key: &str,
        spec: &'s str,
        format: &mut Format,
    ) -> Result<&'s str, ArgError> {
        let mut letters = spec.chars();
        let letter = letters.next().unwrap_or('\0');
        let rest = letters.as_str();
        if letter == '-' {
            return self.flag(key, rest);
        }
        self.cursor.skip_blanks();
        let (present, rest) = self.optional(rest);
        if !present {
            return Ok(rest);
        }
        match letter {
            'F' | 'B' | 's' => {
                let Ok(text) = self.cursor.string() else {
                    return Err(self.text(match letter {
                        'F' => "filename expected",
                        'B' => "block device name expected",
                        _ => "string expected",
                    }));
                };
                self.put(key, text);
            }
            'S' => {
                let text = self.cursor.rest();
                if text.is_empty() {
                    return Err(self.text("string expected"));
                }
                self.cursor.skip(text.len());
                self.put(key, text);
            }
            'O' => {
                if self.cursor.peek().is_some() {
                    let options = self.options()?;
                    self.put(key, options);
                }
            }
            '/' => self.format(format)?,
            'i' | 'l' | 'M' => {
                let value = self.integer(letter)?;
                self.put(key, value);
            }
            'o' => {
                let value = self.size()?;
                self.put(key, value);
            }
            'T' => {
                let value = self.seconds()?;
                self.put(key, value);
            }
            'b' => {
                let value = self.on_off()?;
                self.put(key, value);
            }
            other => return Err(self.text(&format!("unknown type '{other}'"))),
        }
        Ok(rest)
    }

    fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.parsed.args.insert(key.to_owned(), value.into());
    }

    /// A message that starts with the command's table name.
    fn text(&self, message: &str) -> ArgError {
        ArgError::Text(format!("{}: {message}\n", self.name))
    }

    /// Whether an optional argument is there, and the args_type behind its mark.
    fn optional<'s>(&mut self, spec: &'s str) -> (bool, &'s str) {
        if let Some(rest) = spec.strip_prefix('?') {
            return (self.cursor.peek().is_some(), rest);
        }
        if let Some(rest) = spec.strip_prefix('.') {
            let dot = self.cursor.peek() == Some(b'.');
            if dot {
                self.cursor.advance();
                self.cursor.skip_blanks();
            }
            return (dot, rest);
        }
        (true, spec)
    }

    /// A flag is looked at at its place only. Another letter is left for a later flag, if what
    /// follows in args_type has it anywhere, key names included.
    fn flag<'s>(&mut self, key: &str, spec: &'s str) -> Result<&'s str, ArgError> {
        let mut letters = spec.chars();
        let letter = letters.next().unwrap_or('\0');
        let rest = letters.as_str();
        let value = rest.strip_prefix('s');
        let mut ahead = self.cursor.clone();
        ahead.skip_blanks();
        if ahead.peek() != Some(b'-') {
            // The built-in has skipped the blanks, which nothing can tell.
            return Ok(value.unwrap_or(rest));
        }
        ahead.advance();
        if ahead.peek_char() != Some(letter) {
            let typed = ahead.shown_byte();
            let later = match ahead.peek() {
                // At the line's end any dash will do.
                None => rest.contains('-'),
                Some(_) => ahead
                    .peek_char()
                    .is_some_and(|c| rest.contains(&format!("-{c}"))),
            };
            if later {
                return Ok(rest);
            }
            let end = if typed == '\0' {
                // A NUL cuts the message there.
                String::new()
            } else {
                format!("{typed}\n")
            };
            return Err(ArgError::Text(format!(
                "{}: unsupported option -{end}",
                self.name
            )));
        }
        ahead.advance();
        *self.cursor = ahead;
        match value {
            Some(rest) => {
                let Ok(text) = self.cursor.string() else {
                    return Err(self.text(&format!("value expected for -{letter}")));
                };
                self.put(key, text);
                Ok(rest)
            }
            None => {
                self.put(key, true);
                Ok(rest)
            }
        }
    }

    /// An option list is one word; its parts are read by the command. A bad id is found here, and
    /// the built-in says so only on QEMU's standard error.
    fn options(&mut self) -> Result<String, ArgError> {
        let silent = || ArgError::Text(String::new());
        let text = self.cursor.string().map_err(|_| silent())?;
        match crate::grammar::keyval::first(&text, "id") {
            Some(id) if !crate::grammar::keyval::is_well_formed_id(&id) => Err(silent()),
            _ => Ok(text),
        }
    }

    fn format(&mut self, sticky: &mut Format) -> Result<(), ArgError> {
        let (mut count, mut letter, mut size) = (1i32, None, None);
        if self.cursor.peek() == Some(b'/') {
            self.cursor.advance();
            let digits = self.cursor.take_while(|b| b.is_ascii_digit());
            if !digits.is_empty() {
                count = digits.bytes().fold(0i32, |n, digit| {
                    n.wrapping_mul(10).wrapping_add(i32::from(digit - b'0'))
                });
            }
            let letters = self.cursor.take_while(|b| b"oduxicbhwgL".contains(&b));
            for c in letters.chars() {
                match c {
                    'b' => size = Some(1),
                    'h' => size = Some(2),
                    'w' => size = Some(4),
                    'g' | 'L' => size = Some(8),
                    _ => letter = Some(c),
                }
            }
            if self
                .cursor
                .peek()
                .is_some_and(|b| !crate::grammar::line::is_blank(b))
            {
                return Err(ArgError::Text(format!(
                    "invalid char in format: '{}'\n",
                    self.cursor.shown_byte()
                )));
            }
            let letter = letter.unwrap_or(sticky.letter);
            if letter != 'i' {
                sticky.size = size.unwrap_or(sticky.size);
                size = Some(sticky.size);
            }
            sticky.letter = letter;
        } else if sticky.letter != 'i' {
            size = Some(sticky.size);
        }
        self.put("count", count);
        self.put("format", sticky.letter.to_string());
        // -1: the format i was given without a size.
        self.put("size", size.unwrap_or(-1));
        self.parsed.after_format = Some(self.cursor.pos());
        Ok(())
    }

    fn integer(&mut self, letter: char) -> Result<i64, ArgError> {
        let value = expr::evaluate(self.cursor, self.rules.expressions).map_err(|e| match e {
            ExprError::RegisterUnavailable { .. } => ArgError::Register(e),
            ExprError::Overflow => ArgError::Overflow(format!("{e}\n")),
            _ => ArgError::Text(format!("{e}\n")),
        })?;
        match letter {
            'i' if u32::try_from(value).is_err() => Err(ArgError::Text(format!(
                "'{}' has failed: integer is for 32-bit values\n",
                self.name
            ))),
            'M' if value < 0 => Err(ArgError::Text("enter a positive value\n".into())),
            'M' => Ok(value.wrapping_mul(1 << 20)),
            _ => Ok(value),
        }
    }

    fn size(&mut self) -> Result<i64, ArgError> {
        size::parse(self.cursor.rest(), MIB, self.rules.sizes)
            .ok()
            .and_then(|(bytes, len)| Some((i64::try_from(bytes).ok()?, len)))
            .map(|(bytes, len)| {
                self.cursor.skip(len);
                bytes
            })
            .ok_or_else(|| ArgError::Text("invalid size\n".into()))
    }

    fn seconds(&mut self) -> Result<f64, ArgError> {
        let text = self.cursor.rest();
        let (value, len) = crate::grammar::number::strtod(text)
            .ok_or_else(|| ArgError::Text("Number expected\n".into()))?;
        if !value.is_finite() {
            return Err(ArgError::Text("Bad number\n".into()));
        }
        self.cursor.skip(len);
        let unit = self
            .cursor
            .take_while(|b| !crate::grammar::line::is_blank(b));
        match unit {
            "" => Ok(value),
            "ms" => Ok(value / 1e3),
            "us" => Ok(value / 1e6),
            "ns" => Ok(value / 1e9),
            _ => Err(ArgError::Text("Unknown unit suffix\n".into())),
        }
    }

    fn on_off(&mut self) -> Result<bool, ArgError> {
        match self.cursor.take_while(|b| b.is_ascii_graphic()) {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err(ArgError::Text("Expected 'on' or 'off'\n".into())),
        }
    }
}

#[cfg(test)]
mod tests;
