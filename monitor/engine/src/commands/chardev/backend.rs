// SPDX-License-Identifier: GPL-2.0-or-later
//! Character devices.

use std::fmt::Write;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::command::cx::{CmdError, CmdResult, Cx, NoArgs};
use crate::commands::chardev::options::{self, Options};
use crate::qemu::schema::Schema;
use crate::qmp::QmpError;
use crate::qmp::version::v;

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
        .map_err(|e| QmpError::unexpected("ringbuf-read", e))?;
    writeln!(cx, "{}", shown(&bytes))?;
    Ok(())
}

/// Bytes up to the first NUL, with backslashes doubled and control characters spelled out, but for
/// line ends and tabs.
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

/// Arguments of `chardev-add`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Add {
    args: String,
}

#[derive(Deserialize)]
struct Backend {
    name: String,
}

/// What the two QMP commands that make a back end answer.
#[derive(Default, Deserialize)]
struct Made {
    pty: Option<String>,
}

/// `chardev-add`. With `mux=on` a multiplexer gets the id, and the device itself one with `-base`
/// behind it.
pub async fn add(cx: &mut Cx<'_>, args: Add) -> CmdResult {
    let (schema, options) = read(cx, &args.args).await?;
    let name = options.get("backend").map(str::to_owned);
    if name.as_deref().is_some_and(|n| n == "help" || n == "?") {
        cx.prefer_builtin("chardev-add: QMP does not show all channels of a back end")?;
        return list_backends(cx).await;
    }
    let Some(id) = options.id.clone() else {
        return Err(CmdError::User("chardev: no id specified".into()));
    };
    let kind = translated(cx, name, &id)?;
    let backend = options
        .backend(&kind, &schema, cx.caps.version)
        .map_err(CmdError::User)?;
    if !options.is_on("mux", false) {
        return make(cx, &id, backend).await;
    }
    let base = format!("{id}-base");
    make(cx, &base, backend).await?;
    let mux = json!({"type": "mux", "data": {"chardev": base}});
    let result = make(cx, &id, mux).await;
    if matches!(&result, Err(CmdError::Qmp(e)) if !e.is_fatal())
        || matches!(result, Err(CmdError::User(_)))
    {
        // The reason is what is shown, not what becomes of the base.
        let _ = cx.execute("chardev-remove", json!({"id": base})).await;
    }
    result
}

/// Reads the option list; what is wrong with it is on lines of its own.
async fn read(cx: &mut Cx<'_>, text: &str) -> Result<(Arc<Schema>, Options), CmdError> {
    let schema = cx.caps.schema(cx.qmp()).await?;
    let read = options::read(text, &schema, cx.caps.version);
    cx.write_str(&read.warnings)?;
    match read.options {
        Ok(options) => Ok((schema, options)),
        Err(line) => {
            cx.write_str(&line)?;
            Err(CmdError::User("Parsing chardev args failed".into()))
        }
    }
}

/// The back end's name: old releases have two names more.
fn translated(cx: &mut Cx<'_>, name: Option<String>, id: &str) -> Result<String, CmdError> {
    let Some(name) = name else {
        let text = format!("chardev: \"{id}\" missing backend");
        return Err(CmdError::User(text));
    };
    let alias = match name.as_str() {
        "tty" => "serial",
        "parport" => "parallel",
        _ => return Ok(name),
    };
    // 8.0, commit 6f9f630836 of QEMU.
    if cx.caps.version >= v(8, 0) {
        return Ok(name);
    }
    writeln!(
        cx,
        "warning: The alias '{name}' is deprecated, use '{alias}' instead"
    )?;
    Ok(alias.into())
}

async fn list_backends(cx: &mut Cx<'_>) -> CmdResult {
    let backends: Vec<Backend> = cx.query("query-chardev-backends").await?;
    writeln!(cx, "Available chardev backend types: ")?;
    // QMP's list is the other way round.
    for backend in backends.iter().rev() {
        writeln!(cx, "  {}", backend.name)?;
    }
    Ok(())
}

/// Makes a device; errors take the built-in's words.
async fn make(cx: &mut Cx<'_>, id: &str, backend: Value) -> CmdResult {
    let is_socket = backend["type"] == "socket";
    let arguments = json!({"id": id, "backend": backend});
    let made: Result<Made, _> = cx.query_with("chardev-add", arguments).await;
    let made = made.map_err(|error| match error {
        CmdError::Qmp(QmpError::Command { desc, .. }) => {
            let prefix = format!("Failed to add chardev '{id}': ");
            let desc = desc.strip_prefix(&prefix).unwrap_or(&desc);
            CmdError::User(
                if desc != format!("Chardev with id '{id}' already exists") {
                    desc.to_owned()
                } else if is_socket {
                    "duplicate yank instance".into()
                } else {
                    format!("attempt to add duplicate property '{id}' to object (type 'container')")
                },
            )
        }
        other => other,
    })?;
    if let Some(path) = made.pty {
        writeln!(cx, "char device redirected to {path} (label {id})")?;
    }
    Ok(())
}

/// Arguments of `chardev-change`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    id: String,
    args: String,
}

/// `chardev-change`.
pub async fn change(cx: &mut Cx<'_>, args: Change) -> CmdResult {
    let (schema, options) = read(cx, &args.args).await?;
    if options.id.is_some() {
        return Err(CmdError::User("Unexpected 'id' parameter".into()));
    }
    let name = options.get("backend").map(str::to_owned);
    // C prints the id that is not there as (null).
    let kind = translated(cx, name, "(null)")?;
    let backend = options
        .backend(&kind, &schema, cx.caps.version)
        .map_err(CmdError::User)?;
    let arguments = json!({"id": args.id, "backend": backend});
    let made: Made = cx.query_with("chardev-change", arguments).await?;
    if let Some(path) = made.pty {
        writeln!(cx, "char device redirected to {path} (label {})", args.id)?;
    }
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
