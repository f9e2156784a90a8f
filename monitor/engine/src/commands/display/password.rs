// SPDX-License-Identifier: GPL-2.0-or-later
//! Passwords of remote displays, and `change`, which sets one too.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::qmp::QmpError;
use crate::qmp::version::v;

/// Arguments of `set_password`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Set {
    protocol: String,
    password: String,
    display: Option<String>,
    connected: Option<String>,
}

/// `set_password`.
pub async fn set(cx: &mut Cx<'_>, args: Set) -> CmdResult {
    if let Some(action) = &args.connected {
        cx.check_enum("set_password", "connected", action).await?;
    }
    cx.check_enum("set_password", "protocol", &args.protocol)
        .await?;
    let mut arguments = json!({"protocol": args.protocol, "password": args.password});
    if let Some(action) = args.connected {
        arguments["connected"] = action.into();
    }
    let vnc = args.protocol == "vnc";
    let display = args.display.clone();
    add_display(&mut arguments, args.display);
    match cx.execute("set_password", arguments).await {
        Ok(_) => Ok(()),
        Err(error) if vnc => Err(with_hint(cx, error, display.as_deref()).await?),
        Err(error) => Err(error),
    }
}

/// A VNC server, and the kind of authentication it asks for.
#[derive(Deserialize)]
struct Server {
    id: String,
    auth: String,
}

/// The error with what the built-in says around it and QMP leaves out: in newer releases a second
/// line, in older ones a line in front where the display (the first by default) asks for no password.
async fn with_hint(
    cx: &mut Cx<'_>,
    error: CmdError,
    display: Option<&str>,
) -> Result<CmdError, CmdError> {
    let CmdError::Qmp(QmpError::Command { desc, .. }) = &error else {
        return Ok(error);
    };
    let hint = match desc.as_str() {
        "No VNC display is present" => "To enable it, use '-vnc ...'",
        "VNC password authentication is disabled" => {
            "To enable it, use '-vnc ...,password-secret=ID'"
        }
        "Could not set password" => {
            // The first one comes last.
            let servers: Vec<Server> = match cx.query("query-vnc-servers").await {
                Ok(servers) => servers,
                Err(CmdError::Qmp(fatal)) if fatal.is_fatal() => return Err(fatal.into()),
                // The first reason is the one to show.
                Err(_) => return Ok(error),
            };
            let server = match display {
                Some(id) => servers.iter().find(|server| server.id == id),
                None => servers.last(),
            };
            if server.is_some_and(|server| server.auth == "none") {
                writeln!(
                    cx,
                    "If you want use passwords please enable password auth using '-vnc ${{dpy}},password'."
                )?;
            }
            return Ok(error);
        }
        _ => return Ok(error),
    };
    Ok(CmdError::User(format!("{desc}\n{hint}")))
}

/// Only VNC has several displays; for SPICE the built-in passes over the name.
fn add_display(arguments: &mut Value, display: Option<String>) {
    if let Some(display) = display.filter(|_| arguments["protocol"] == "vnc") {
        arguments["display"] = display.into();
    }
}

/// Arguments of `expire_password`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expire {
    protocol: String,
    time: String,
    display: Option<String>,
}

/// `expire_password`.
pub async fn expire(cx: &mut Cx<'_>, args: Expire) -> CmdResult {
    cx.check_enum("expire_password", "protocol", &args.protocol)
        .await?;
    let mut arguments = json!({"protocol": args.protocol, "time": args.time});
    add_display(&mut arguments, args.display);
    cx.execute("expire_password", arguments).await?;
    Ok(())
}

/// Arguments of `change`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Change {
    device: String,
    #[serde(default)]
    force: bool,
    target: String,
    arg: Option<String>,
    read_only_mode: Option<String>,
}

/// `change`: the device `vnc` stands for VNC's password, where this QEMU has VNC.
pub async fn change(cx: &mut Cx<'_>, args: Change) -> CmdResult {
    if args.device == "vnc" && cx.caps.has("change-vnc-password") {
        return change_vnc(cx, args).await;
    }
    let mut arguments = json!({
        "device": args.device,
        "filename": args.target,
        "force": args.force,
    });
    if let Some(format) = args.arg {
        arguments["format"] = format.into();
    }
    if let Some(mode) = args.read_only_mode {
        cx.check_enum("blockdev-change-medium", "read-only-mode", &mode)
            .await?;
        arguments["read-only-mode"] = mode.into();
    }
    cx.execute("blockdev-change-medium", arguments).await?;
    Ok(())
}

async fn change_vnc(cx: &mut Cx<'_>, args: Change) -> CmdResult {
    let refuse = |text: &str| {
        // 8.0, commit f8f2e9a859 of QEMU.
        Err(if cx.caps.version < v(8, 0) {
            CmdError::Plain(text.into())
        } else {
            CmdError::User(text.into())
        })
    };
    if args.read_only_mode.is_some() {
        return refuse("Parameter 'read-only-mode' is invalid for VNC");
    }
    if args.target != "passwd" && args.target != "password" {
        return refuse("Expected 'password' after 'vnc'");
    }
    if let Some(password) = args.arg {
        let change = json!({"password": password});
        return match cx.execute("change-vnc-password", change).await {
            Ok(_) => Ok(()),
            // The hint is in it: nothing is left for the built-in to say.
            Err(error) => Err(match with_hint(cx, error, None).await? {
                CmdError::Qmp(QmpError::Command { desc, .. }) => CmdError::User(desc),
                other => other,
            }),
        };
    }
    let Some(password) = cx.secret("Password: ").await else {
        writeln!(cx, "terminal does not support password prompting")?;
        return Ok(());
    };
    // The built-in does not say either whether a password typed at the prompt was taken.
    match cx
        .execute("change-vnc-password", json!({"password": password}))
        .await
    {
        Err(CmdError::Qmp(error)) if error.is_fatal() => Err(error.into()),
        _ => Ok(()),
    }
}
