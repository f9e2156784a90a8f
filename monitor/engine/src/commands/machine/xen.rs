// SPDX-License-Identifier: GPL-2.0-or-later
//! Xen event channels.

use std::fmt::{self, Write};

use serde::Deserialize;
use serde_json::json;

use crate::command::cx::{CmdError, CmdResult, Cx, NoArgs};
use crate::qmp::version::{Version, v};

/// The first release in which all targets have the commands, and those without Xen guests say so
/// (11.1, seen: on 11.1.3; the sources of 10.2 do not say so).
const ON_ALL_TARGETS: Version = v(11, 1);

fn check_target(cx: &Cx<'_>) -> CmdResult {
    let x86 = matches!(cx.caps.arch.as_deref(), Some("x86_64" | "i386"));
    if x86 || cx.caps.version < ON_ALL_TARGETS {
        return Ok(());
    }
    Err(CmdError::Plain(
        "XEN emulation is not available in this QEMU".into(),
    ))
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Channel {
    port: u32,
    vcpu: i64,
    #[serde(rename = "type")]
    kind: String,
    remote_domain: Option<String>,
    target: i64,
    pending: bool,
    masked: bool,
}

/// `xen-event-list`.
pub async fn event_list(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    check_target(cx)?;
    let channels: Vec<Channel> = cx.query("xen-event-list").await?;
    for channel in &channels {
        print(cx, channel)?;
    }
    Ok(())
}

fn print(out: &mut dyn Write, c: &Channel) -> fmt::Result {
    write!(out, "port {:4}: vcpu: {} {}", c.port, c.vcpu, c.kind)?;
    if c.kind != "ipi" {
        let colon = if c.remote_domain.is_some() { ":" } else { "" };
        let domain = c.remote_domain.as_deref().unwrap_or_default();
        write!(out, "({domain}{colon}{})", c.target)?;
    }
    let pending = if c.pending { " PENDING" } else { "" };
    let masked = if c.masked { " MASKED" } else { "" };
    writeln!(out, "{pending}{masked}")
}

/// Arguments of `xen-event-inject`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inject {
    port: i64,
}

/// `xen-event-inject`.
pub async fn event_inject(cx: &mut Cx<'_>, args: Inject) -> CmdResult {
    check_target(cx)?;
    // The built-in keeps 32 bits, signed.
    let port = args.port as i32;
    cx.execute("xen-event-inject", json!({"port": port as u32}))
        .await?;
    writeln!(cx, "Delivered port {port}")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Shapes from QAPI; no Xen guest was at hand.
    #[test]
    fn channels() {
        let channels = json!([
            {"port": 1, "vcpu": 0, "type": "interdomain", "remote-domain": "qemu", "target": 3, "pending": true, "masked": true},
            {"port": 20, "vcpu": 1, "type": "ipi", "target": 0, "pending": false, "masked": false},
            {"port": 3, "vcpu": 0, "type": "virq", "target": 0, "pending": false, "masked": true}
        ]);
        let channels: Vec<Channel> = serde_json::from_value(channels).unwrap();
        let mut text = String::new();
        for channel in &channels {
            print(&mut text, channel).unwrap();
        }
        assert_eq!(
            text,
            "port    1: vcpu: 0 interdomain(qemu:3) PENDING MASKED\nport   20: vcpu: 1 ipi\nport    3: vcpu: 0 virq(0) MASKED\n"
        );
    }
}
