// SPDX-License-Identifier: GPL-2.0-or-later
//! The network.

use serde::Deserialize;
use serde_json::json;

use crate::command::cx::{CmdResult, Cx};

/// Arguments of `set_link`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetLink {
    name: String,
    up: bool,
}

/// `set_link`.
pub async fn set_link(cx: &mut Cx<'_>, args: SetLink) -> CmdResult {
    let arguments = json!({"name": args.name, "up": args.up});
    cx.execute("set_link", arguments).await?;
    Ok(())
}

/// Arguments of `netdev_del`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delete {
    id: String,
}

/// `netdev_del`.
pub async fn delete(cx: &mut Cx<'_>, args: Delete) -> CmdResult {
    cx.execute("netdev_del", json!({"id": args.id})).await?;
    Ok(())
}
