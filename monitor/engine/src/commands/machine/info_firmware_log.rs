// SPDX-License-Identifier: GPL-2.0-or-later
//! `info firmware-log`.

use std::fmt::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::command::cx::{CmdResult, Cx};
use crate::qmp::QmpError;

/// Arguments of `info firmware-log`; the size in bytes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    #[serde(rename = "max-size")]
    max_size: Option<i64>,
}

#[derive(Deserialize)]
struct FirmwareLog {
    version: Option<String>,
    log: String,
}

/// `info firmware-log`: the log with escapes for what is not plain text.
pub async fn info_firmware_log(cx: &mut Cx<'_>, args: Log) -> CmdResult {
    let max = args
        .max_size
        .map_or(Value::Null, |size| json!({"max-size": size}));
    let answer: FirmwareLog = cx.query_with("query-firmware-log", max).await?;
    let log = BASE64_STANDARD
        .decode(&answer.log)
        .map_err(|e| QmpError::unexpected("query-firmware-log", e))?;
    if let Some(version) = answer.version {
        writeln!(cx, "[ firmware version: {version} ]")?;
    }
    writeln!(cx, "{}", escaped(&log))?;
    Ok(())
}

/// GLib's `g_strescape` with line ends left alone.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'\n' | b'\r' => text.push(byte.into()),
            b'\\' => text.push_str("\\\\"),
            b'"' => text.push_str("\\\""),
            0x08 => text.push_str("\\b"),
            0x09 => text.push_str("\\t"),
            0x0b => text.push_str("\\v"),
            0x0c => text.push_str("\\f"),
            b' '..=b'~' => text.push(byte.into()),
            other => {
                let digits = [other >> 6, other >> 3 & 7, other & 7];
                text.push('\\');
                text.extend(digits.map(|d| char::from(b'0' + d)));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_text_and_line_ends_stand_for_themselves() {
        assert_eq!(
            escaped(b"a\tb\"\\\r\n\x01\xff"),
            "a\\tb\\\"\\\\\r\n\\001\\377"
        );
    }
}
