// SPDX-License-Identifier: GPL-2.0-or-later
//! Writing guest memory, and what describes the machine, into files.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::json;

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::format::sign::Sign as _;
use crate::guest::memory::{ReadError, Reader};
use crate::qmp::QmpError;
use crate::qmp::version::{Version, v};

/// Arguments of `dump-guest-memory`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dump {
    #[serde(default)]
    paging: bool,
    #[serde(default)]
    detach: bool,
    #[serde(default)]
    windmp: bool,
    #[serde(default)]
    zlib: bool,
    #[serde(default)]
    lzo: bool,
    #[serde(default)]
    snappy: bool,
    #[serde(default)]
    raw: bool,
    filename: String,
    begin: Option<i64>,
    length: Option<i64>,
}

/// `dump-guest-memory`: QEMU answers when the dump is complete, unless it is detached.
pub async fn dump_guest_memory(cx: &mut Cx<'_>, args: Dump) -> CmdResult {
    let format = format(&args).map_err(CmdError::User)?;
    let mut request = json!({
        "paging": args.paging,
        "protocol": format!("file:{}", args.filename),
        "detach": args.detach,
        "format": format,
    });
    if let Some(begin) = args.begin {
        request["begin"] = begin.into();
    }
    if let Some(length) = args.length {
        request["length"] = length.into();
    }
    cx.execute("dump-guest-memory", request).await?;
    Ok(())
}

fn format(args: &Dump) -> Result<String, String> {
    let kinds = [
        (args.zlib, "zlib"),
        (args.lzo, "lzo"),
        (args.snappy, "snappy"),
    ];
    let mut chosen = kinds.iter().filter(|(set, _)| *set).map(|(_, kind)| kind);
    let kind = chosen.next();
    if chosen.next().is_some() || (kind.is_some() && args.windmp) {
        return Err("only one of '-z|-l|-s|-w' can be set".into());
    }
    Ok(match kind {
        Some(kind) if args.raw => format!("kdump-raw-{kind}"),
        Some(kind) => format!("kdump-{kind}"),
        None if args.windmp => "win-dmp".into(),
        None => "elf".into(),
    })
}

/// Arguments of commands that write one file; QEMU opens it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    filename: String,
}

/// `dump-skeys`.
pub async fn dump_skeys(cx: &mut Cx<'_>, args: File) -> CmdResult {
    cx.execute("dump-skeys", json!({"filename": args.filename}))
        .await?;
    Ok(())
}

/// Arguments of `info skeys`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skeys {
    addr: i64,
}

/// Bytes of a page of an s390x guest.
const S390_PAGE: u64 = 4096;

/// `info skeys`: one of the keys that QEMU writes for all pages.
pub async fn info_skeys(cx: &mut Cx<'_>, args: Skeys) -> CmdResult {
    let reader = Reader::open(cx.means()).await?;
    let keys = reader.storage_keys().await;
    let keys = match reader.close(keys).await {
        Err(ReadError::Qmp(QmpError::Command { desc, .. })) => {
            // Here the built-in says the first half alone.
            let error = desc.strip_suffix(" - nothing to dump").unwrap_or(&desc);
            return Err(CmdError::Plain(format!("Error: {error}")));
        }
        keys => keys?,
    };
    match key_of(&keys, args.addr.as_unsigned()) {
        Some(key) => writeln!(cx, "  key: 0x{key:X}")?,
        None => {
            return Err(CmdError::Plain(
                "Error: The given address is not valid".into(),
            ));
        }
    }
    Ok(())
}

/// The key of an address in lines such as `page=001: key(48) => ACC=3, FP=0, REF=0, ch=0,
/// reserved=0`.
fn key_of(keys: &str, addr: u64) -> Option<u8> {
    let page = addr / S390_PAGE;
    let start = format!("page={page:03x}: key(");
    let line = keys.lines().find_map(|line| line.strip_prefix(&start))?;
    line.split_once(')')?.0.parse().ok()
}

/// The first release with another sentence and with hints (10.0, commit cacf4cb251 of QEMU).
const HINTED: Version = v(10, 0);

/// Targets that are built without device trees.
const NO_DEVICE_TREES: &[&str] = &["s390x"];

/// `dumpdtb`. The second line of its error is not in QMP's.
pub async fn dumpdtb(cx: &mut Cx<'_>, args: File) -> CmdResult {
    match cx
        .execute("dumpdtb", json!({"filename": args.filename}))
        .await
    {
        Ok(_) => {}
        Err(CmdError::Qmp(QmpError::Command { desc, .. }))
            if cx.caps.version >= HINTED && desc.ends_with("have an FDT") =>
        {
            let arch = cx.caps.arch.as_deref().unwrap_or_default();
            let hint = if NO_DEVICE_TREES.contains(&arch) {
                "(this machine type definitely doesn't use FDT)"
            } else {
                "(Perhaps it doesn't support FDT at all, or perhaps you need to provide an FDT with the -fdt option?)"
            };
            return Err(CmdError::User(format!("{desc}\n{hint}")));
        }
        Err(other) => return Err(other),
    }
    if cx.caps.version >= HINTED {
        writeln!(cx, "DTB dumped to '{}'", args.filename)?;
    } else {
        writeln!(cx, "info: dtb dumped to {}", args.filename)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::Value;

    use super::*;

    #[rstest]
    #[case(&[], "elf")]
    #[case(&["raw"], "elf")]
    #[case(&["windmp"], "win-dmp")]
    #[case(&["zlib"], "kdump-zlib")]
    #[case(&["snappy", "raw"], "kdump-raw-snappy")]
    #[case(&["zlib", "windmp"], "only one of '-z|-l|-s|-w' can be set")]
    #[case(&["zlib", "lzo"], "only one of '-z|-l|-s|-w' can be set")]
    fn flags_choose_the_format(#[case] flags: &[&str], #[case] chosen: &str) {
        let mut args = json!({"filename": "f"});
        for flag in flags {
            args[flag] = Value::Bool(true);
        }
        let args = serde_json::from_value(args).unwrap();
        assert_eq!(format(&args).unwrap_or_else(|e| e), chosen);
    }

    #[test]
    fn a_key_is_found_by_its_page() {
        let keys = "page=000: key(6) => ACC=0, FP=0, REF=4, ch=2, reserved=0\n\
                    page=1000: key(48) => ACC=3, FP=0, REF=0, ch=0, reserved=0\n";
        assert_eq!(key_of(keys, 0), Some(6));
        assert_eq!(key_of(keys, 0xfff), Some(6));
        assert_eq!(key_of(keys, 0x100_0abc), Some(48));
        assert_eq!(key_of(keys, 0x10_0000), None);
    }
}
