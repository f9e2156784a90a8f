//! Character devices.

use std::fmt::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::json;

use crate::cx::{CmdResult, Cx, NoArgs};
use crate::qmp::QmpError;

#[derive(Deserialize)]
struct ChardevInfo {
    label: String,
    filename: String,
}

/// `info chardev`, in QEMU's order.
pub async fn info_chardev(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let chardevs: Vec<ChardevInfo> = cx.query("query-chardev").await?;
    for chardev in chardevs {
        writeln!(cx, "{}: filename={}", chardev.label, chardev.filename)?;
    }
    Ok(())
}

/// Arguments of `ringbuf_write`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RingbufWrite {
    device: String,
    data: String,
}

/// `ringbuf_write`.
pub async fn ringbuf_write(cx: &mut Cx<'_>, args: RingbufWrite) -> CmdResult {
    let arguments = json!({"device": args.device, "data": args.data});
    cx.execute("ringbuf-write", arguments).await?;
    Ok(())
}

/// Arguments of `ringbuf_read`; the size is in bytes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RingbufRead {
    device: String,
    size: i64,
}

/// `ringbuf_read`: the bytes come in base64, since QMP's plain text loses those that are not UTF-8.
pub async fn ringbuf_read(cx: &mut Cx<'_>, args: RingbufRead) -> CmdResult {
    let arguments = json!({"device": args.device, "size": args.size, "format": "base64"});
    let data: String = cx.query_with("ringbuf-read", arguments).await?;
    let bytes = BASE64_STANDARD
        .decode(data)
        .map_err(|e| QmpError::Protocol(format!("unexpected answer to ringbuf-read: {e}")))?;
    writeln!(cx, "{}", shown(&bytes))?;
    Ok(())
}

/// Bytes up to the first NUL, with backslashes doubled and control characters spelled out, but for line ends and tabs.
fn shown(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    let mut text = String::new();
    for c in String::from_utf8_lossy(&bytes[..end]).chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '\n' | '\t' => text.push(c),
            '\0'..' ' | '\x7f' => {
                // Writing to a string can't fail.
                let _ = write!(text, "\\u{:04X}", u32::from(c));
            }
            _ => text.push(c),
        }
    }
    text
}

/// The argument of commands that name a character device.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Id {
    id: String,
}

/// `chardev-remove`.
pub async fn remove(cx: &mut Cx<'_>, args: Id) -> CmdResult {
    cx.execute("chardev-remove", json!({"id": args.id})).await?;
    Ok(())
}

/// `chardev-send-break`.
pub async fn send_break(cx: &mut Cx<'_>, args: Id) -> CmdResult {
    cx.execute("chardev-send-break", json!({"id": args.id}))
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_up_to_a_nul() {
        assert_eq!(
            shown(b"a\\b\x01\r\n\t\x7f\0c"),
            "a\\\\b\\u0001\\u000D\n\t\\u007F"
        );
        assert_eq!(shown(b"\xff\xc3\xbc"), "\u{fffd}ü");
    }
}
