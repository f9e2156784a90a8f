// SPDX-License-Identifier: GPL-2.0-or-later
//! Commands whose QMP twin answers with the built-in's text (HumanReadableText).

use std::fmt::Write;

use serde::Deserialize;
use serde_json::json;

use crate::command::cx::{CmdResult, Cx, NoArgs};

#[derive(Deserialize)]
struct HumanReadableText {
    #[serde(rename = "human-readable-text")]
    text: String,
}

async fn show(cx: &mut Cx<'_>, command: &str) -> CmdResult {
    let answer: HumanReadableText = cx.query(command).await?;
    cx.write_str(&answer.text.replace("\r\n", "\n"))?;
    Ok(())
}

macro_rules! texts {
    ($($(#[doc = $doc:literal])* $function:ident = $command:literal;)*) => {
        $($(#[doc = $doc])* pub async fn $function(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
            show(cx, $command).await
        })*
    };
}

texts! {
    /// `info irq`.
    irq = "x-query-irq";
    /// `info pic`.
    pic = "x-query-interrupt-controllers";
    /// `info jit`.
    jit = "x-query-jit";
    /// `info accel` where QEMU asks the accelerator.
    accel = "x-accel-stats";
    /// `info opcount`.
    opcount = "x-query-opcount";
    /// `info profile`.
    profile = "x-query-profile";
    /// `info rdma`.
    rdma = "x-query-rdma";
    /// `info numa`.
    numa = "x-query-numa";
    /// `info usb`.
    usb = "x-query-usb";
    /// `info roms`.
    roms = "x-query-roms";
    /// `info ramblock`.
    ramblock = "x-query-ramblock";
    /// `info network`, coming after 11.1.
    network = "x-query-network";
    /// `info usernet`, coming after 11.1.
    usernet = "x-query-usernet";
}

/// Arguments of `qemu-io`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QemuIo {
    #[serde(default)]
    qdev: bool,
    device: String,
    command: String,
}

/// `qemu-io`, coming after 11.1; the built-in's text went to QEMU's standard output.
pub async fn qemu_io(cx: &mut Cx<'_>, args: QemuIo) -> CmdResult {
    let mut arguments = json!({"device": args.device, "command": args.command});
    if args.qdev {
        arguments["qdev"] = true.into();
    }
    let answer: HumanReadableText = cx.query_with("x-qemu-io", arguments).await?;
    cx.write_str(&answer.text.replace("\r\n", "\n"))?;
    Ok(())
}
