// SPDX-License-Identifier: GPL-2.0-or-later
//! Running, stopping and identifying the machine.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::command::cx::{CmdError, CmdResult, Cx, NoArgs};
use crate::qmp::version::{Version, v};

/// `stop`.
pub async fn stop(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    cx.execute("stop", Value::Null).await?;
    Ok(())
}

/// `cont`.
pub async fn cont(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    cx.execute("cont", Value::Null).await?;
    Ok(())
}

/// `quit`: QEMU answers and then ends; where it is gone before the answer, that is what was asked
/// for.
pub async fn quit(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    cx.session.quit = true;
    match cx.execute("quit", Value::Null).await {
        Ok(_) | Err(CmdError::Qmp(crate::qmp::QmpError::Disconnected { .. })) => Ok(()),
        Err(error) => {
            cx.session.quit = false;
            Err(error)
        }
    }
}

/// `system_reset`.
pub async fn system_reset(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    cx.execute("system_reset", Value::Null).await?;
    Ok(())
}

/// `system_powerdown`.
pub async fn system_powerdown(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    cx.execute("system_powerdown", Value::Null).await?;
    Ok(())
}

/// `system_wakeup`.
pub async fn system_wakeup(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    cx.execute("system_wakeup", Value::Null).await?;
    Ok(())
}

/// `exit_preconfig`.
pub async fn exit_preconfig(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    cx.execute("x-exit-preconfig", Value::Null).await?;
    Ok(())
}

/// Arguments of `watchdog_action`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchdogAction {
    action: String,
}

/// `watchdog_action`: the built-in takes the word in any case.
pub async fn watchdog_action(cx: &mut Cx<'_>, args: WatchdogAction) -> CmdResult {
    let action = args.action.to_ascii_lowercase();
    cx.check_enum("watchdog-set-action", "action", &action)
        .await?;
    cx.execute("watchdog-set-action", json!({"action": action}))
        .await?;
    Ok(())
}

#[derive(Deserialize)]
struct StatusInfo {
    running: bool,
    #[serde(default)]
    singlestep: bool,
    status: String,
}

/// The first release that does not print the mode, while QMP still says it
/// (8.1, commit e726acd5b8 of QEMU).
const MODE_LEFT_OUT: Version = v(8, 1);

/// `info status`.
pub async fn info_status(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let info: StatusInfo = cx.query("query-status").await?;
    write!(
        cx,
        "VM status: {}{}",
        if info.running { "running" } else { "paused" },
        if info.singlestep && cx.caps.version < MODE_LEFT_OUT {
            " (single step mode)"
        } else {
            ""
        }
    )?;
    if !info.running && info.status != "paused" {
        write!(cx, " ({})", info.status)?;
    }
    writeln!(cx)?;
    Ok(())
}

/// `info version`: the package string follows the number without a blank.
pub async fn info_version(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    writeln!(cx, "{}{}", cx.caps.version, cx.caps.package)?;
    Ok(())
}

#[derive(Deserialize)]
struct NameInfo {
    name: Option<String>,
}

/// `info name`.
pub async fn info_name(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let info: NameInfo = cx.query("query-name").await?;
    if let Some(name) = info.name {
        writeln!(cx, "{name}")?;
    }
    Ok(())
}

#[derive(Deserialize)]
struct UuidInfo {
    #[serde(rename = "UUID")]
    uuid: String,
}

/// `info uuid`.
pub async fn info_uuid(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let info: UuidInfo = cx.query("query-uuid").await?;
    writeln!(cx, "{}", info.uuid)?;
    Ok(())
}
