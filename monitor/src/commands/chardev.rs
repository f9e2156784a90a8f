//! Character devices.

use std::fmt::Write;

use serde::Deserialize;

use crate::cx::{CmdResult, Cx, NoArgs};

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
