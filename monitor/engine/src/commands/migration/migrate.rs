// SPDX-License-Identifier: GPL-2.0-or-later
//! `migrate`: starting it, and waiting until it is over.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::command::progress::Progress;
use crate::host::Stage;

/// Arguments of `migrate`; `blk` and `inc` are those of releases before 9.1.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Migrate {
    #[serde(default)]
    detach: bool,
    #[serde(default)]
    blk: bool,
    #[serde(default)]
    inc: bool,
    #[serde(default)]
    resume: bool,
    uri: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Info {
    status: Option<String>,
    error_desc: Option<String>,
    ram: Option<Ram>,
}

#[derive(Deserialize)]
struct Ram {
    transferred: Option<u64>,
    remaining: Option<u64>,
    total: Option<u64>,
}

/// How long the built-in waits between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// `migrate`: waits until it is over, unless detached; giving the line up leaves it running.
pub async fn migrate(cx: &mut Cx<'_>, args: Migrate) -> CmdResult {
    let mut arguments = json!({"uri": args.uri});
    for (name, given) in [
        ("blk", args.blk),
        ("inc", args.inc),
        ("resume", args.resume),
    ] {
        if given {
            arguments[name] = true.into();
        }
    }
    let how = "'info migrate' shows it, 'migrate_cancel' ends it";
    cx.session.goes_on = vec![format!("the migration may have begun; {how}")];
    cx.execute("migrate", arguments).await?;
    if args.detach {
        return Ok(());
    }
    cx.session.goes_on = vec![format!("the migration goes on; {how}")];
    wait(cx).await
}

/// Looks until migration is neither about to start nor going on; states like `postcopy-active` end
/// the wait too.
async fn wait(cx: &mut Cx<'_>) -> CmdResult {
    let mut progress = Progress::new(cx.patience);
    loop {
        let info: Info = cx.query("query-migrate").await?;
        match info.status.as_deref() {
            None | Some("none" | "setup" | "active") => {
                if let Some(Ram {
                    remaining: Some(remaining),
                    total: Some(total),
                    ..
                }) = info.ram
                {
                    cx.host.stage(Stage {
                        done: total.saturating_sub(remaining),
                        total,
                        bytes: true,
                    });
                }
                let sent = info.ram.map(|ram| ram.transferred);
                progress.look("migrate", (info.status, sent))?;
                cx.host.sleep(PAUSE).await;
                progress.paused(PAUSE);
            }
            Some(status) => {
                // The built-in reports this where only QEMU's standard error shows it.
                return match info.error_desc {
                    Some(error) => Err(CmdError::User(error)),
                    None if status.starts_with("fail") => {
                        Err(CmdError::User("migration failed".into()))
                    }
                    None => Ok(()),
                };
            }
        }
    }
}
