// SPDX-License-Identifier: GPL-2.0-or-later
//! JSON as QEMU prints it for people (qobject/json-writer.c).

use std;
use std::fmt::{self, Write};

use serde_json::Value;

use crate::format::number::general;

/// Writes `value` with one element a line, four blanks a level, ASCII only, without a line end
/// behind it.
pub fn pretty(out: &mut dyn Write, value: &Value) -> fmt::Result {
    level(out, value, 0)
}

fn level(out: &mut dyn Write, value: &Value, depth: usize) -> fmt::Result {
    match value {
        Value::Null => out.write_str("null"),
        Value::Bool(b) => write!(out, "{b}"),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => out.write_str(&general(float, 17)),
            _ => write!(out, "{number}"),
        },
        Value::String(text) => quoted(out, text),
        Value::Array(items) => {
            out.write_char('[')?;
            for (i, item) in items.iter().enumerate() {
                next_line(out, i > 0, depth + 1)?;
                level(out, item, depth + 1)?;
            }
            next_line(out, false, depth)?;
            out.write_char(']')
        }
        Value::Object(members) => {
            out.write_char('{')?;
            for (i, (key, member)) in members.iter().enumerate() {
                next_line(out, i > 0, depth + 1)?;
                quoted(out, key)?;
                out.write_str(": ")?;
                level(out, member, depth + 1)?;
            }
            next_line(out, false, depth)?;
            out.write_char('}')
        }
    }
}

fn next_line(out: &mut dyn Write, comma: bool, depth: usize) -> fmt::Result {
    let comma = if comma { "," } else { "" };
    write!(out, "{comma}\n{:1$}", "", depth * 4)
}

fn quoted(out: &mut dyn Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\x08' => out.write_str("\\b")?,
            '\x0c' => out.write_str("\\f")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            ' '..='\x7e' => out.write_char(c)?,
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04X}")?;
                }
            }
        }
    }
    out.write_char('"')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(value: &Value) -> String {
        let mut text = String::new();
        pretty(&mut text, value).unwrap();
        text
    }

    // As 10.0.2 answers to qom-get.
    #[test]
    fn elements_stand_one_a_line() {
        assert_eq!(shown(&json!([])), "[\n]");
        assert_eq!(shown(&json!({})), "{\n}");
        assert_eq!(
            shown(&json!({"a": [1, {"b": null}], "c": "é\u{7f}\"\n😀"})),
            "{\n    \"a\": [\n        1,\n        {\n            \"b\": null\n        }\n    ],\n    \
             \"c\": \"\\u00E9\\u007F\\\"\\n\\uD83D\\uDE00\"\n}"
        );
    }

    #[test]
    fn floats_have_17_digits() {
        assert_eq!(
            shown(&json!([0.1, 1e20])),
            "[\n    0.10000000000000001,\n    1e+20\n]"
        );
    }
}
