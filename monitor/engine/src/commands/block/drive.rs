// SPDX-License-Identifier: GPL-2.0-or-later
//! `drive_add` and `drive_del`, as far as block nodes can stand for drives.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::json;

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::grammar::keyval;
use crate::grammar::tree::{self, Members, Tree};
use crate::qemu::block_graph::Graph;
use crate::qemu::missing;
use crate::qemu::typing::{Dialect, Typing};

/// Arguments of `drive_add`; the built-in too passes over the PCI address.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Add {
    #[serde(default)]
    node: bool,
    #[serde(rename = "pci_addr")]
    _pci_addr: String,
    opts: String,
}

/// `drive_add -n`: a block node. Without `-n` the built-in makes a block backend, which QMP can't.
pub async fn add(cx: &mut Cx<'_>, args: Add) -> CmdResult {
    if !args.node {
        return Err(CmdError::Blocked(&missing::DRIVE_ADD));
    }
    let pairs = keyval::pairs(&args.opts, None);
    let mut ids = pairs.iter().filter(|pair| pair.key == "id");
    if ids
        .next()
        .is_some_and(|id| !keyval::is_well_formed_id(&id.value))
    {
        return Err(CmdError::Plain(
            "Parameter 'id' expects an identifier\nIdentifiers consist of letters, digits, '-', '.', '_', starting \
             with a letter."
                .into(),
        ));
    }
    for pair in pairs.iter().filter(|pair| pair.short) {
        write!(cx, "{}", pair.deprecation())?;
    }
    let members = keyval::nest(&pairs).map_err(CmdError::User)?;
    if tree::find(&members, "node-name").is_none() {
        let text = "'node-name' needs to be specified";
        return Err(CmdError::User(text.into()));
    }
    let Some(driver) = tree::find(&members, "driver").and_then(Tree::last_text) else {
        return Err(CmdError::User("Must specify either driver or file".into()));
    };
    let schema = cx.caps.schema(cx.qmp()).await?;
    let known = schema.enum_values("blockdev-add", "driver");
    if !known.iter().any(|name| name == driver) {
        return Err(CmdError::User(format!("Unknown driver '{driver}'")));
    }
    let typing = Typing {
        schema: &schema,
        version: cx.caps.version,
        dialect: Dialect::Options,
        is_size,
        suffixes: true,
    };
    let arguments = typing
        .arguments("blockdev-add", &members)
        .map_err(|error| CmdError::User(worded(&members, driver, error)))?;
    cx.execute("blockdev-add", arguments.into()).await?;
    Ok(())
}

/// Whether drivers read an option of that name as a size.
fn is_size(name: &str) -> bool {
    name == "size" || name == "offset" || name.ends_with("-size")
}

/// Drivers that QEMU calls protocols: they take a file name.
const PROTOCOLS: &[&str] = &[
    "blkdebug",
    "blklogwrites",
    "blkverify",
    "file",
    "ftp",
    "ftps",
    "gluster",
    "host_cdrom",
    "host_device",
    "http",
    "https",
    "iscsi",
    "nbd",
    "nfs",
    "null-aio",
    "null-co",
    "nvme",
    "rbd",
    "ssh",
    "vvfat",
];

/// The built-in's words for what is wrong with an option.
fn worded(members: &Members, driver: &str, error: String) -> String {
    let quoted = error.split('\'').nth(1).unwrap_or_default();
    if error.starts_with("Invalid parameter '") && tree::find(members, quoted).is_some() {
        let what = if PROTOCOLS.contains(&driver) {
            "protocol"
        } else {
            "format"
        };
        return format!("Block {what} '{driver}' doesn't support the option '{quoted}'");
    }
    if error.ends_with(" expects a size value") {
        let hint = crate::grammar::size::SUFFIX_HINT;
        return format!("Parameter '{quoted}' expects a non-negative number below 2^64\n{hint}");
    }
    if error.starts_with("Parameter 'discard' does not accept") {
        return "Invalid discard option".into();
    }
    error
}

/// The argument of `drive_del`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delete {
    id: String,
}

#[derive(Deserialize)]
struct Backend {
    device: String,
    qdev: Option<String>,
}

/// `drive_del`: a block node is removed; of a drive that no device uses, the image is closed, and
/// its name stays.
pub async fn delete(cx: &mut Cx<'_>, args: Delete) -> CmdResult {
    let graph = Graph::query(cx.qmp(), cx.caps).await?;
    if graph.node(&args.id).is_some() {
        cx.execute("blockdev-del", json!({"node-name": args.id}))
            .await?;
        return Ok(());
    }
    let backends: Vec<Backend> = cx.query("query-block").await?;
    let named = |b: &&Backend| !b.device.is_empty() && b.device == args.id;
    match backends.iter().find(named) {
        None => Err(CmdError::User(format!("Device '{}' not found", args.id))),
        Some(Backend { qdev: Some(_), .. }) => Err(CmdError::Blocked(&missing::DRIVE_DEL)),
        Some(_) => {
            let arguments = json!({"device": args.id, "force": true});
            cx.execute("eject", arguments).await?;
            cx.note(format!(
                "the image is closed; QMP can't remove the empty drive '{}'",
                args.id
            ));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_known_by_their_names() {
        for name in ["size", "offset", "l2-cache-size"] {
            assert!(is_size(name), "{name}");
        }
        for name in ["latency-ns", "vote-threshold", "resize"] {
            assert!(!is_size(name), "{name}");
        }
    }

    // Answers of 11.1.3 to drive_add -n.
    #[test]
    fn errors_are_worded_as_the_block_layer_does() {
        let members = keyval::nest(&keyval::pairs("driver=null-co,foo=1,size=k", None)).unwrap();
        assert_eq!(
            worded(&members, "null-co", "Invalid parameter 'foo'".into()),
            "Block protocol 'null-co' doesn't support the option 'foo'"
        );
        assert_eq!(
            worded(&members, "raw", "Invalid parameter 'foo'".into()),
            "Block format 'raw' doesn't support the option 'foo'"
        );
        assert!(
            worded(
                &members,
                "raw",
                "Parameter 'size' expects a size value".into()
            )
            .starts_with("Parameter 'size' expects a non-negative number below 2^64\nOptional")
        );
    }
}
