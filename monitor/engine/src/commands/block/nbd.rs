// SPDX-License-Identifier: GPL-2.0-or-later
//! The NBD server.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::command::cx::{CmdError, CmdResult, Cx, NoArgs};
use crate::grammar::socket_address;

/// Arguments of `nbd_server_start`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    #[serde(default)]
    all: bool,
    #[serde(default)]
    writable: bool,
    uri: String,
}

#[derive(Deserialize)]
struct Backend {
    device: String,
    inserted: Option<serde::de::IgnoredAny>,
}

/// `nbd_server_start`: with `-a` it exports every disk, and stops again where one can't be
/// exported.
pub async fn start(cx: &mut Cx<'_>, args: Start) -> CmdResult {
    if args.writable && !args.all {
        return Err(CmdError::User("-w only valid together with -a".into()));
    }
    let address = socket_address::parse(&args.uri, cx.caps.version).map_err(CmdError::User)?;
    cx.session
        .goes_on
        .push("the NBD server may be running, with exports; 'nbd_server_stop' ends it".into());
    cx.execute("nbd-server-start", json!({"addr": address}))
        .await?;
    if !args.all {
        return Ok(());
    }
    let result = export_all(cx, args.writable).await;
    if matches!(&result, Err(CmdError::Qmp(error)) if !error.is_fatal()) {
        // The reason to stop is the one to show.
        let _ = cx.execute("nbd-server-stop", Value::Null).await;
    }
    result
}

async fn export_all(cx: &mut Cx<'_>, writable: bool) -> CmdResult {
    let backends: Vec<Backend> = cx.query("query-block").await?;
    for backend in backends.iter().filter(|b| b.inserted.is_some()) {
        let arguments = json!({"device": backend.device, "writable": writable});
        cx.execute("nbd-server-add", arguments).await?;
    }
    Ok(())
}

/// Arguments of `nbd_server_add`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Add {
    #[serde(default)]
    writable: bool,
    device: String,
    name: Option<String>,
}

/// `nbd_server_add`.
pub async fn add(cx: &mut Cx<'_>, args: Add) -> CmdResult {
    let mut arguments = json!({"device": args.device, "writable": args.writable});
    if let Some(name) = args.name {
        arguments["name"] = name.into();
    }
    cx.execute("nbd-server-add", arguments).await?;
    Ok(())
}

/// Arguments of `nbd_server_remove`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remove {
    #[serde(default)]
    force: bool,
    name: String,
}

/// `nbd_server_remove`.
pub async fn remove(cx: &mut Cx<'_>, args: Remove) -> CmdResult {
    let mut arguments = json!({"name": args.name});
    if args.force {
        arguments["mode"] = "hard".into();
    }
    cx.execute("nbd-server-remove", arguments).await?;
    Ok(())
}

/// `nbd_server_stop`.
pub async fn stop(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    cx.execute("nbd-server-stop", Value::Null).await?;
    Ok(())
}
