// SPDX-License-Identifier: GPL-2.0-or-later
//! Mice, VNC and SPICE.

use std::fmt::{self, Write};

use serde::Deserialize;

use crate::command::cx::{CmdResult, Cx, NoArgs};

#[derive(Deserialize)]
struct Mouse {
    name: String,
    index: i64,
    current: bool,
    absolute: bool,
}

/// `info mice`.
pub async fn info_mice(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let mice: Vec<Mouse> = cx.query("query-mice").await?;
    if mice.is_empty() {
        writeln!(cx, "No mouse devices connected")?;
    }
    for mouse in mice {
        writeln!(
            cx,
            "{} Mouse #{}: {}{}",
            if mouse.current { '*' } else { ' ' },
            mouse.index,
            mouse.name,
            if mouse.absolute { " (absolute)" } else { "" }
        )?;
    }
    Ok(())
}

#[derive(Deserialize)]
struct VncInfo {
    id: String,
    server: Vec<VncServer>,
    clients: Vec<VncClient>,
    auth: String,
    vencrypt: Option<String>,
    display: Option<String>,
}

#[derive(Deserialize)]
struct VncServer {
    #[serde(flatten)]
    address: VncAddress,
    auth: String,
    vencrypt: Option<String>,
}

#[derive(Deserialize)]
struct VncClient {
    #[serde(flatten)]
    address: VncAddress,
    x509_dname: Option<String>,
    sasl_username: Option<String>,
}

#[derive(Deserialize)]
struct VncAddress {
    host: String,
    service: String,
    family: String,
    websocket: bool,
}

/// `info vnc`.
pub async fn info_vnc(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let displays: Vec<VncInfo> = cx.query("query-vnc-servers").await?;
    print_vnc(cx, &displays)?;
    Ok(())
}

fn print_vnc(out: &mut dyn Write, displays: &[VncInfo]) -> fmt::Result {
    if displays.is_empty() {
        writeln!(out, "None")?;
    }
    for display in displays {
        writeln!(out, "{}:", display.id)?;
        for server in &display.server {
            print_address(out, "Server", &server.address)?;
            let sub = server.vencrypt.as_deref().unwrap_or("none");
            writeln!(out, "    Auth: {} (Sub: {sub})", server.auth)?;
        }
        for client in &display.clients {
            print_address(out, "Client", &client.address)?;
            let name = client.x509_dname.as_deref().unwrap_or("none");
            writeln!(out, "    x509_dname: {name}")?;
            let name = client.sasl_username.as_deref().unwrap_or("none");
            writeln!(out, "    sasl_username: {name}")?;
        }
        // A display that connected to its viewer has no server that would show it.
        if display.server.is_empty() {
            let sub = display.vencrypt.as_deref().unwrap_or("none");
            writeln!(out, "  Auth: {} (Sub: {sub})", display.auth)?;
        }
        if let Some(device) = &display.display {
            writeln!(out, "  Display: {device}")?;
        }
    }
    Ok(())
}

fn print_address(out: &mut dyn Write, what: &str, address: &VncAddress) -> fmt::Result {
    writeln!(
        out,
        "  {what}: {}:{} ({}{})",
        address.host,
        address.service,
        address.family,
        if address.websocket {
            " (Websocket)"
        } else {
            ""
        }
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct SpiceInfo {
    enabled: bool,
    migrated: bool,
    host: Option<String>,
    port: Option<i64>,
    tls_port: Option<i64>,
    auth: Option<String>,
    compiled_version: Option<String>,
    mouse_mode: String,
    #[serde(default)]
    channels: Vec<SpiceChannel>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct SpiceChannel {
    host: String,
    port: String,
    connection_id: i64,
    channel_type: i64,
    channel_id: i64,
    tls: bool,
}

/// `info spice`.
pub async fn info_spice(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let info: SpiceInfo = cx.query("query-spice").await?;
    print_spice(cx, &info)?;
    Ok(())
}

fn print_spice(out: &mut dyn Write, info: &SpiceInfo) -> fmt::Result {
    if !info.enabled {
        return writeln!(out, "Server: disabled");
    }
    writeln!(out, "Server:")?;
    // C prints an absent text as (null).
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "(null)".into());
    if let Some(port) = info.port {
        writeln!(out, "     address: {}:{port}", text(&info.host))?;
    }
    if let Some(port) = info.tls_port {
        writeln!(out, "     address: {}:{port} [tls]", text(&info.host))?;
    }
    writeln!(out, "    migrated: {}", info.migrated)?;
    writeln!(out, "        auth: {}", text(&info.auth))?;
    writeln!(out, "    compiled: {}", text(&info.compiled_version))?;
    writeln!(out, "  mouse-mode: {}", info.mouse_mode)?;
    if info.channels.is_empty() {
        writeln!(out, "Channels: none")?;
    }
    for channel in &info.channels {
        let tls = if channel.tls { " [tls]" } else { "" };
        writeln!(out, "Channel:")?;
        writeln!(out, "     address: {}:{}{tls}", channel.host, channel.port)?;
        writeln!(out, "     session: {}", channel.connection_id)?;
        let (kind, id) = (channel.channel_type, channel.channel_id);
        writeln!(out, "     channel: {kind}:{id}")?;
        writeln!(out, "     channel name: {}", channel_name(kind))?;
    }
    Ok(())
}

/// The names of SPICE's channel types, by number from 1 (spice/enums.h).
const CHANNELS: [&str; 11] = [
    "main",
    "display",
    "inputs",
    "cursor",
    "playback",
    "record",
    "tunnel",
    "smartcard",
    "usbredir",
    "port",
    "webdav",
];

fn channel_name(kind: i64) -> &'static str {
    let number = usize::try_from(kind).ok();
    let index = number.and_then(|number| number.checked_sub(1));
    let name = index.and_then(|index| CHANNELS.get(index));
    name.copied().unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_have_names() {
        let names = [-1, 0, 1, 2, 11, 12].map(channel_name);
        let unknown = "unknown";
        assert_eq!(
            names,
            [unknown, unknown, "main", "display", "webdav", unknown]
        );
    }
}
