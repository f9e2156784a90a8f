// SPDX-License-Identifier: GPL-2.0-or-later
//! Names out of lists that QEMU answers with.

use serde_json::{Value, json};

use crate::qmp::Qmp;

/// Where QOM keeps devices with an id, and without.
pub(super) const NAMED: &str = "/machine/peripheral";
pub(super) const NAMELESS: &str = "/machine/peripheral-anon";

/// The text members of that name.
pub(super) fn members(list: &Value, key: &str) -> Vec<String> {
    let items = list.as_array().map_or(&[][..], Vec::as_slice);
    items
        .iter()
        .filter_map(|item| Some(item.get(key)?.as_str()?.to_owned()))
        .collect()
}

/// The names of properties whose type is kept (`qom-list`).
pub(super) fn children_of(list: &Value, keep: impl Fn(&str) -> bool) -> Vec<String> {
    let items = list.as_array().map_or(&[][..], Vec::as_slice);
    items
        .iter()
        .filter(|item| item.get("type").and_then(Value::as_str).is_some_and(&keep))
        .filter_map(|item| Some(item.get("name")?.as_str()?.to_owned()))
        .collect()
}

/// What is below a path of QOM; null where nothing is.
pub(super) async fn list(qmp: &dyn Qmp, path: &str) -> Value {
    let list = qmp.execute("qom-list", json!({"path": path})).await;
    list.unwrap_or_default()
}

/// The value of a property; null where there is none.
pub(super) async fn get(qmp: &dyn Qmp, path: &str, property: &str) -> Value {
    let arguments = json!({"path": path, "property": property});
    let value = qmp.execute("qom-get", arguments).await;
    value.unwrap_or_default()
}
