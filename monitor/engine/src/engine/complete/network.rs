// SPDX-License-Identifier: GPL-2.0-or-later
//! Network devices and back ends, where a line's candidates are those.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::command::route::PASSTHROUGH;
use crate::engine::complete::lists::{NAMED, NAMELESS, get, list, members};
use crate::engine::complete::source::Source;
use crate::qmp::{Qmp, QmpError};

/// A device with a property for its network back end.
struct Nic {
    /// Its id, where it has one.
    id: Option<String>,
    kind: String,
    back_end: String,
}

/// Ids of network back ends: of all where the built-in monitor may be asked, else of those that a
/// device uses. No QMP command lists the others.
pub(super) async fn back_ends(source: Source<'_>) -> Vec<String> {
    if let Some(clients) = from_builtin(source).await {
        let back_ends = clients.into_iter().filter(|client| client.back_end);
        return back_ends.map(|client| client.name).collect();
    }
    let nics = nics(source.qmp).await.into_iter();
    nics.map(|nic| nic.back_end)
        .filter(|id| !id.is_empty())
        .collect()
}

/// Ids of network back ends that no device uses, where the built-in monitor may be asked.
pub(super) async fn free_back_ends(source: Source<'_>) -> Vec<String> {
    let Some(clients) = from_builtin(source).await else {
        return Vec::new();
    };
    let free = clients
        .into_iter()
        .filter(|client| client.back_end && !client.connected);
    free.map(|client| client.name).collect()
}

/// Names of network devices and back ends, found the same way. In QOM, a device without an id is
/// called after its model, with a number; QEMU knows names that exist from others when it is asked
/// for their filters.
pub(super) async fn net_clients(source: Source<'_>) -> Vec<String> {
    if let Some(clients) = from_builtin(source).await {
        return clients.into_iter().map(|client| client.name).collect();
    }
    let qmp = source.qmp;
    let mut names = Vec::new();
    let mut models: HashMap<String, usize> = HashMap::new();
    for nic in nics(qmp).await {
        if !nic.back_end.is_empty() {
            names.push(nic.back_end);
        }
        match nic.id {
            Some(id) => names.push(id),
            None => *models.entry(nic.kind).or_default() += 1,
        }
    }
    for (model, count) in models {
        for number in 0..count {
            let name = format!("{model}.{number}");
            let answer = qmp.execute("query-rx-filter", json!({"name": name})).await;
            let absent = matches!(&answer, Err(QmpError::Command { desc, .. }) if desc.starts_with("invalid net client name"));
            if !absent {
                names.push(name);
            }
        }
    }
    names
}

async fn nics(qmp: &dyn Qmp) -> Vec<Nic> {
    let mut nics = Vec::new();
    for folder in [NAMED, NAMELESS] {
        let devices = list(qmp, folder).await;
        for device in devices.as_array().map_or(&[][..], Vec::as_slice) {
            let text = |key: &str| device.get(key).and_then(Value::as_str);
            let kind = text("type").and_then(|kind| kind.strip_prefix("child<")?.strip_suffix('>'));
            let (Some(name), Some(kind)) = (text("name"), kind) else {
                continue;
            };
            let path = format!("{folder}/{name}");
            let properties = list(qmp, &path).await;
            if !members(&properties, "name").iter().any(|p| p == "netdev") {
                continue;
            }
            let back_end = get(qmp, &path, "netdev").await;
            nics.push(Nic {
                id: (folder == NAMED).then(|| name.to_owned()),
                kind: kind.to_owned(),
                back_end: back_end.as_str().unwrap_or_default().to_owned(),
            });
        }
    }
    nics
}

/// A network device, back end or port of a hub.
#[derive(Debug, PartialEq, Eq)]
struct NetClient {
    name: String,
    /// Whether `-netdev` or `netdev_add` made it.
    back_end: bool,
    /// Whether it is listed below the one that it is connected to.
    connected: bool,
}

/// What the built-in's `info network` lists (net/net-hmp-cmds.c, net/hub.c); none where it may not be
/// asked.
async fn from_builtin(source: Source<'_>) -> Option<Vec<NetClient>> {
    if !source.builtin {
        return None;
    }
    let line = json!({"command-line": "info network"});
    let text = source.qmp.execute(PASSTHROUGH, line).await.ok()?;
    Some(text.as_str()?.lines().flat_map(clients).collect())
}

/// The network clients that a line names: one with its queue and type; on a hub, the port and the one
/// that is connected to it.
fn clients(line: &str) -> Vec<NetClient> {
    let peer = line.strip_prefix(" \\ ");
    let text = peer.unwrap_or(line).trim_end();
    let described = text.split_once(": index=");
    let (names, is_nic) = match described {
        Some((names, rest)) => {
            let kind = rest.split(',').find_map(|part| part.strip_prefix("type="));
            (names, kind == Some("nic"))
        }
        // A port that nothing is connected to has no more than its name.
        None if peer.is_some() => (text, false),
        None => return Vec::new(),
    };
    let client = |name: &str, back_end| NetClient {
        name: name.to_owned(),
        back_end,
        connected: peer.is_some(),
    };
    match names.split_once(": ") {
        // What `-net` made is connected to ports that QEMU gave names to.
        Some((port, peer)) => {
            let chosen = !is_hubs_own(port);
            vec![client(port, chosen), client(peer, chosen && !is_nic)]
        }
        None if described.is_none() => vec![client(names, !is_hubs_own(names))],
        None => vec![client(names, !is_nic)],
    }
}

/// Whether a port's name is one that QEMU gives: `hub0port1`.
fn is_hubs_own(port: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = port
        .strip_prefix("hub")
        .and_then(|rest| rest.split_once("port"));
    parts.is_some_and(|(hub, port)| number(hub) && number(port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_builtin_lists() {
        let text = "hub 0\n \\ hub0port1: legacy: index=0,type=user,net=10.0.2.0\n \
                    \\ hub0port0: rtl8139.0: index=0,type=nic,model=rtl8139\nhub 1\n \\ hp\n\
                    n0: index=0,type=user,net=10.0.2.0,restrict=off\nfilters:\n  - f0: type=filter-dump\n\
                    e1000.0: index=0,type=nic,model=e1000\n \\ n2: index=0,type=user,net=10.0.2.0\n";
        let all: Vec<_> = text.lines().flat_map(clients).collect();
        let names: Vec<_> = all.iter().map(|client| client.name.as_str()).collect();
        let expected = [
            "hub0port1",
            "legacy",
            "hub0port0",
            "rtl8139.0",
            "hp",
            "n0",
            "e1000.0",
            "n2",
        ];
        assert_eq!(names, expected);
        let back_ends = all.iter().filter(|client| client.back_end);
        let back_ends: Vec<_> = back_ends.map(|client| client.name.as_str()).collect();
        assert_eq!(back_ends, ["hp", "n0", "n2"]);
        let free = all
            .iter()
            .filter(|client| client.back_end && !client.connected);
        let free: Vec<_> = free.map(|client| client.name.as_str()).collect();
        assert_eq!(free, ["n0"]);
    }
}
