// SPDX-License-Identifier: GPL-2.0-or-later
//! Names out of lists that QEMU answers with.

use serde_json::Value;

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
