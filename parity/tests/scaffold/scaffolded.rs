// SPDX-License-Identifier: GPL-2.0-or-later
//! What `parity hx scaffold` wrote for the tables beside this file.
#![allow(dead_code)]

use hmp_engine::command::cx::{CmdResult, Cx, NoArgs};
use hmp_engine::command::row::{Command, Present, ROW, Route};
use hmp_engine::qmp::version::v;
use hmp_engine::run;
use serde::Deserialize;
use serde_json::json;

/// For the table MAIN.
pub const MAIN_ROWS: &[Command] = &[
    Command {
        name: "new-thing|n",
        args: "fast:-f,mode:-ms,device:B,type:s?,count:i?,size:o.",
        params: "[-f] [-m mode] device [type] [count] [size]",
        help: "", // in your own words
        preconfig: true,
        // The first release that has it:
        since: v(12, 0),
        routes: &[Route::native(&["new-thing"], run!(new_thing))],
        ..ROW
    },
    Command {
        name: "new_dump",
        args: "fmt:/,addr:l,on:b,wait:T?,opts:O",
        params: "/fmt addr on [wait] opts",
        help: "", // in your own words
        // The first release that has it:
        since: v(12, 0),
        // Around it is: defined(TARGET_I386) || defined(TARGET_S390X)
        present: Present::Target(&["i386", "x86_64", "s390x"]),
        // The tree has no QMP command new-dump: name what new_dump sends.
        routes: &[Route::TO_CONVERT],
        ..ROW
    },
    Command {
        name: "loop",
        args: "fn:-f,move:s?",
        params: "[-f] [move]",
        help: "", // in your own words
        // The first release that has it:
        since: v(12, 0),
        // The tree has no QMP command loop: name what loop_ sends.
        routes: &[Route::TO_CONVERT],
        ..ROW
    },
];

/// For the table INFO.
pub const INFO_ROWS: &[Command] = &[
    Command {
        name: "new-text",
        help: "", // in your own words
        // The first release that has it:
        since: v(12, 0),
        // Around it is: defined(CONFIG_NEW)
        present: Present::With("x-query-new-text"),
        routes: &[Route::native(&["x-query-new-text"], run!(info_new_text))],
        ..ROW
    },
    Command {
        name: "plain",
        help: "", // in your own words
        // The first release that has it:
        since: v(12, 0),
        // The tree has no QMP command query-plain: name what info_plain sends.
        routes: &[Route::TO_CONVERT],
        ..ROW
    },
];

/// Arguments of `new-thing`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewThing {
    #[serde(default)]
    fast: bool,
    mode: Option<String>,
    device: String,
    #[serde(rename = "type")]
    type_: Option<String>,
    count: Option<i64>,
    size: Option<i64>,
}

/// `new-thing`.
pub async fn new_thing(cx: &mut Cx<'_>, args: NewThing) -> CmdResult {
    let mut arguments = json!({
        "fast": args.fast,
        "mode": args.mode,
        "device": args.device,
        "type": args.type_,
        "count": args.count,
        "size": args.size,
    });
    // What was not given is not sent.
    if let Some(members) = arguments.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    cx.execute("new-thing", arguments).await?;
    Ok(())
}

/// Arguments of `new_dump`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDump {
    count: i64,
    format: char,
    size: i64,
    addr: i64,
    on: bool,
    wait: Option<f64>,
    opts: serde_json::Value,
}

/// `new_dump`.
pub async fn new_dump(cx: &mut Cx<'_>, args: NewDump) -> CmdResult {
    let mut arguments = json!({
        "count": args.count,
        "format": args.format,
        "size": args.size,
        "addr": args.addr,
        "on": args.on,
        "wait": args.wait,
        "opts": args.opts,
    });
    // What was not given is not sent.
    if let Some(members) = arguments.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    cx.execute("new-dump", arguments).await?;
    Ok(())
}

/// Arguments of `loop`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loop {
    #[serde(default)]
    #[serde(rename = "fn")]
    fn_: bool,
    #[serde(rename = "move")]
    move_: Option<String>,
}

/// `loop`.
pub async fn loop_(cx: &mut Cx<'_>, args: Loop) -> CmdResult {
    let mut arguments = json!({
        "fn": args.fn_,
        "move": args.move_,
    });
    // What was not given is not sent.
    if let Some(members) = arguments.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    cx.execute("loop", arguments).await?;
    Ok(())
}

#[derive(Deserialize)]
struct InfoNewTextText {
    #[serde(rename = "human-readable-text")]
    text: String,
}

/// `info new-text`.
pub async fn info_new_text(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let answer: InfoNewTextText = cx.query("x-query-new-text").await?;
    std::fmt::Write::write_str(cx, &answer.text.replace("\r\n", "\n"))?;
    Ok(())
}

/// `info plain`.
pub async fn info_plain(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    cx.execute("query-plain", json!({})).await?;
    Ok(())
}
