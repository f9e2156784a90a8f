// SPDX-License-Identifier: GPL-2.0-or-later
//! Steering a replay.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::command::cx::{CmdResult, Cx, NoArgs};

/// Arguments that name an instruction by its number.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instruction {
    icount: i64,
}

/// `replay_break`.
pub async fn replay_break(cx: &mut Cx<'_>, args: Instruction) -> CmdResult {
    cx.execute("replay-break", json!({"icount": args.icount}))
        .await?;
    Ok(())
}

/// `replay_delete_break`.
pub async fn replay_delete_break(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    cx.execute("replay-delete-break", Value::Null).await?;
    Ok(())
}

/// `replay_seek`.
pub async fn replay_seek(cx: &mut Cx<'_>, args: Instruction) -> CmdResult {
    cx.execute("replay-seek", json!({"icount": args.icount}))
        .await?;
    Ok(())
}
