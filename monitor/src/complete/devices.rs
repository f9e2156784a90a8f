//! Candidates that take more than one question: devices, their types, and network clients.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{children_of, members};
use crate::qmp::{Qmp, QmpError};

/// Where devices with and without an id are.
const NAMED: &str = "/machine/peripheral";
const NAMELESS: &str = "/machine/peripheral-anon";

/// A bus that no QEMU has.
const NO_BUS: &str = "no such bus";

/// Devices with an id that are realized and may be unplugged.
pub(super) async fn removable(qmp: &dyn Qmp) -> Vec<String> {
    let list = list(qmp, NAMED).await;
    let mut devices = Vec::new();
    for id in children_of(&list, |kind| kind.starts_with("child<")) {
        let path = format!("{NAMED}/{id}");
        let mut all = true;
        for property in ["realized", "hotpluggable"] {
            all &= get(qmp, &path, property).await == Value::Bool(true);
        }
        if all {
            devices.push(id);
        }
    }
    devices
}

/// The first `most` types of devices that start with `typed` and that a person may create.
///
/// No QMP command tells which these are; `device_add` looks at that before it looks for the bus, and creates nothing
/// where there is no such bus (system/qdev-monitor.c, `qdev_device_add_from_qdict`).
pub(super) async fn creatable(qmp: &dyn Qmp, typed: &str, most: usize) -> Vec<String> {
    let arguments = json!({"implements": "device", "abstract": false});
    let types = qmp.execute("qom-list-types", arguments).await;
    let mut found = Vec::new();
    for name in members(&types.unwrap_or_default(), "name") {
        if found.len() == most {
            break;
        }
        if !name.starts_with(typed) {
            continue;
        }
        let arguments = json!({"driver": name, "bus": NO_BUS});
        match qmp.execute("device_add", arguments).await {
            Err(QmpError::Command { desc, .. })
                if !desc.contains("pluggable device type")
                    && !desc.contains("a valid device model name") =>
            {
                found.push(name);
            }
            Err(QmpError::Command { .. }) | Ok(_) => {}
            Err(_) => break,
        }
    }
    found
}

/// A device with a property for its network back end.
struct Nic {
    /// Its id, where it has one.
    id: Option<String>,
    kind: String,
    back_end: String,
}

/// Ids of the back ends that a device uses. No QMP command lists the others.
pub(super) async fn back_ends(qmp: &dyn Qmp) -> Vec<String> {
    let nics = nics(qmp).await.into_iter();
    nics.map(|nic| nic.back_end)
        .filter(|id| !id.is_empty())
        .collect()
}

/// Devices and the back ends that they use. A device without an id is called after its model, with a number; QEMU
/// knows names that exist from others when it is asked for their filters.
pub(super) async fn net_clients(qmp: &dyn Qmp) -> Vec<String> {
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

async fn list(qmp: &dyn Qmp, path: &str) -> Value {
    let list = qmp.execute("qom-list", json!({"path": path})).await;
    list.unwrap_or_default()
}

async fn get(qmp: &dyn Qmp, path: &str, property: &str) -> Value {
    let arguments = json!({"path": path, "property": property});
    let value = qmp.execute("qom-get", arguments).await;
    value.unwrap_or_default()
}
