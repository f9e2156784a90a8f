// SPDX-License-Identifier: GPL-2.0-or-later
//! The writer: QEMU's spacing, escapes and number forms.

use std::io::Write as _;

use super::number::write_double;
use super::unicode::{decode, is_valid};
use super::value::Value;

/// How values are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// One line, `", "` and `": "` between: what a plain QMP monitor sends.
    #[default]
    Spaced,
    /// One line, nothing between: what recordings hold.
    Compact,
    /// Four blanks per level, empty containers over two lines: `-qmp-pretty`.
    Pretty,
}

/// Appends `value` as ASCII text in the given layout, without a line end.
pub fn write_value(out: &mut Vec<u8>, value: &Value, style: Style) {
    Writer {
        out,
        style,
        depth: 0,
    }
    .value(value);
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    style: Style,
    depth: usize,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.out.extend_from_slice(b"null"),
            Value::Bool(true) => self.out.extend_from_slice(b"true"),
            Value::Bool(false) => self.out.extend_from_slice(b"false"),
            Value::Int(number) => self.number(number),
            Value::UInt(number) => self.number(number),
            Value::Double(number) => write_double(self.out, *number),
            Value::String(text) => write_string(self.out, text),
            Value::Array(elements) => {
                self.out.push(b'[');
                self.depth += 1;
                for (index, element) in elements.iter().enumerate() {
                    self.separate(index);
                    self.value(element);
                }
                self.close(b']');
            }
            Value::Object(members) => {
                self.out.push(b'{');
                self.depth += 1;
                for (index, (key, member)) in members.iter().enumerate() {
                    self.separate(index);
                    write_string(self.out, key);
                    self.out.extend_from_slice(if self.style == Style::Compact {
                        b":"
                    } else {
                        b": "
                    });
                    self.value(member);
                }
                self.close(b'}');
            }
        }
    }

    fn number(&mut self, number: &impl std::fmt::Display) {
        // Writing into a Vec cannot fail.
        let _ = write!(self.out, "{number}");
    }

    fn separate(&mut self, index: usize) {
        if index > 0 {
            self.out.push(b',');
        }
        match self.style {
            Style::Pretty => self.newline(),
            Style::Spaced if index > 0 => self.out.push(b' '),
            Style::Spaced | Style::Compact => {}
        }
    }

    fn close(&mut self, bracket: u8) {
        self.depth -= 1;
        if self.style == Style::Pretty {
            self.newline();
        }
        self.out.push(bracket);
    }

    fn newline(&mut self) {
        self.out.push(b'\n');
        self.out.resize(self.out.len() + 4 * self.depth, b' ');
    }
}

/// Appends a string literal. Noncharacters, which QEMU does not let out, become U+FFFD.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text;
    while let Some(index) = rest.find(|c: char| !matches!(c, ' '..='~') || c == '"' || c == '\\') {
        out.extend_from_slice(&rest.as_bytes()[..index]);
        let mut tail = rest[index..].chars();
        if let Some(special) = tail.next() {
            write_special(out, u32::from(special));
        }
        rest = tail.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
    out.push(b'"');
}

/// Text for a message that quotes raw input: a C string, so it ends at the first zero byte, and
/// what is not valid (modified) UTF-8 shows as U+FFFD.
pub fn escape_bytes(bytes: &[u8]) -> String {
    let end = bytes
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(bytes.len());
    let mut rest = &bytes[..end];
    let mut text = String::with_capacity(end);
    while !rest.is_empty() {
        let (point, length) = decode(rest);
        text.push(
            point
                .and_then(char::from_u32)
                .unwrap_or(char::REPLACEMENT_CHARACTER),
        );
        rest = &rest[length..];
    }
    text
}

fn write_special(out: &mut Vec<u8>, point: u32) {
    let short = match point {
        0x22 => b'"',
        0x5C => b'\\',
        0x08 => b'b',
        0x0C => b'f',
        0x0A => b'n',
        0x0D => b'r',
        0x09 => b't',
        _ => {
            let point = if is_valid(point) { point } else { 0xFFFD };
            let _ = match point.checked_sub(0x1_0000) {
                None => write!(out, "\\u{point:04X}"),
                Some(high) => write!(
                    out,
                    "\\u{:04X}\\u{:04X}",
                    0xD800 + (high >> 10),
                    0xDC00 + (high & 0x3FF)
                ),
            };
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(value: serde_json::Value, style: Style) -> String {
        let mut out = Vec::new();
        write_value(&mut out, &Value::from(value), style);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn spaced_text_is_qemus() {
        let value = json!({"return": {"status": "prelaunch", "running": false}, "id": [1, "a", null, [], {}]});
        let text = r#"{"return": {"status": "prelaunch", "running": false}, "id": [1, "a", null, [], {}]}"#;
        assert_eq!(written(value, Style::Spaced), text);
    }

    #[test]
    fn pretty_text_opens_empty_containers() {
        let value = json!({"return": {}, "id": [1, {}]});
        let text = "{\n    \"return\": {\n    },\n    \"id\": [\n        1,\n        {\n        }\n    ]\n}";
        assert_eq!(written(value, Style::Pretty), text);
    }

    #[test]
    fn strings_are_ascii() {
        let text = written(json!("é€𝄞\u{7f}\u{0}\n\"\\/'\u{FFFF}"), Style::Compact);
        assert_eq!(
            text,
            r#""\u00E9\u20AC\uD834\uDD1E\u007F\u0000\n\"\\/'\uFFFD""#
        );
    }

    #[test]
    fn quoted_input_ends_at_nul_and_shows_bad_bytes() {
        assert_eq!(escape_bytes(b"\"a\0b"), "\"a");
        assert_eq!(escape_bytes(b"\xff\xc3\xa9"), "\u{FFFD}é");
    }
}
