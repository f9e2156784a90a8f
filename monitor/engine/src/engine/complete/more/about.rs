// SPDX-License-Identifier: GPL-2.0-or-later
//! What the built-in's candidates are.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::command::row::Comp;
use crate::command::rows::Rows;
use crate::engine::complete::more::item::Item;
use crate::engine::complete::more::value::plain;
use crate::qmp::Qmp;

/// The candidates with what they are.
pub(super) async fn items(
    kind: Comp,
    words: Vec<String>,
    text: &str,
    rows: &Rows,
    qmp: &dyn Qmp,
) -> Vec<Item> {
    let known: HashMap<String, String> = match kind {
        Comp::Command => names(text, rows),
        Comp::BlockDevice => block_devices(qmp).await,
        Comp::Chardev | Comp::Ringbuf => chardevs(qmp).await,
        Comp::Object => children(qmp, "/objects").await,
        Comp::Device => children(qmp, "/machine/peripheral").await,
        Comp::MigrationCapability => capabilities(qmp).await,
        Comp::Members("migrate-set-parameters") => parameters(qmp).await,
        Comp::Snapshot => snapshots(qmp).await,
        _ => HashMap::new(),
    };
    let about = |word: &str| known.get(word).cloned().unwrap_or_default();
    words
        .into_iter()
        .map(|word| Item {
            about: about(&word),
            text: word,
            open: false,
        })
        .collect()
}

fn names(text: &str, rows: &Rows) -> HashMap<String, String> {
    let mut words = text.split_ascii_whitespace();
    let mut first = words.next().unwrap_or_default();
    if matches!(first, "help" | "?") {
        first = words.next().unwrap_or_default();
    }
    let table = match first == "info" && text.trim_end() != "info" || text.ends_with("info ") {
        true => &rows.info,
        false => &rows.main,
    };
    let rows = table.iter();
    rows.flat_map(|row| {
        row.names()
            .map(|name| (name.to_owned(), row.help.to_owned()))
    })
    .collect()
}

async fn ask(qmp: &dyn Qmp, command: &str, arguments: Value) -> Vec<Value> {
    match qmp.execute(command, arguments).await {
        Ok(Value::Array(list)) => list,
        _ => Vec::new(),
    }
}

fn text(value: &Value, name: &str) -> String {
    let text = value.get(name).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

async fn block_devices(qmp: &dyn Qmp) -> HashMap<String, String> {
    let all = ask(qmp, "query-block", Value::Null).await;
    let about = |device: &Value| match device.get("inserted") {
        Some(inserted) => {
            let (driver, file) = (text(inserted, "drv"), text(inserted, "file"));
            format!("{driver} {file}")
        }
        None => "no medium".to_owned(),
    };
    all.iter()
        .map(|device| (text(device, "device"), about(device)))
        .collect()
}

async fn chardevs(qmp: &dyn Qmp) -> HashMap<String, String> {
    let all = ask(qmp, "query-chardev", Value::Null).await;
    all.iter()
        .map(|device| (text(device, "label"), text(device, "filename")))
        .collect()
}

async fn children(qmp: &dyn Qmp, path: &str) -> HashMap<String, String> {
    let all = ask(qmp, "qom-list", json!({"path": path})).await;
    let kind = |child: &Value| {
        let kind = text(child, "type");
        let inner = kind
            .strip_prefix("child<")
            .and_then(|kind| kind.strip_suffix('>'));
        inner.unwrap_or_default().to_owned()
    };
    all.iter()
        .map(|child| (text(child, "name"), kind(child)))
        .collect()
}

async fn capabilities(qmp: &dyn Qmp) -> HashMap<String, String> {
    let all = ask(qmp, "query-migrate-capabilities", Value::Null).await;
    let state = |one: &Value| match one.get("state").and_then(Value::as_bool) {
        Some(true) => "on",
        _ => "off",
    };
    all.iter()
        .map(|one| (text(one, "capability"), state(one).to_owned()))
        .collect()
}

async fn parameters(qmp: &dyn Qmp) -> HashMap<String, String> {
    let reply = qmp.execute("query-migrate-parameters", Value::Null).await;
    let values = reply.unwrap_or_default();
    let values = values.as_object().into_iter().flatten();
    values
        .map(|(name, value)| (name.clone(), plain(value)))
        .collect()
}

async fn snapshots(qmp: &dyn Qmp) -> HashMap<String, String> {
    let nodes = ask(qmp, "query-named-block-nodes", json!({"flat": true})).await;
    let lists = nodes
        .iter()
        .filter_map(|node| node.get("image")?.get("snapshots")?.as_array());
    let mut known = HashMap::new();
    for snapshot in lists.flatten() {
        let (id, name) = (text(snapshot, "id"), text(snapshot, "name"));
        let size = snapshot
            .get("vm-state-size")
            .and_then(Value::as_u64)
            .unwrap_or(0);
        let what = match size {
            0 => "of the disk".to_owned(),
            size => format!("of the VM, {} MiB", size >> 20),
        };
        known.insert(id.clone(), format!("{name}, {what}"));
        known.insert(name, format!("id {id}, {what}"));
    }
    known
}
