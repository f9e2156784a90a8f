// SPDX-License-Identifier: GPL-2.0-or-later
//! Arguments that are no lists of options: flags, switches, numbers of CPUs, registers, objects and
//! their properties, migration parameters, jobs.

use serde_json::{Value, json};

use crate::command::rows::Rows;
use crate::commands::migration::set_parameter::in_mebibytes;
use crate::commands::monitor::help::logged;
use crate::engine::complete::more::item::{Item, Place};
use crate::engine::complete::more::value::plain;
use crate::guest::registers;
use crate::qemu::objects::Property;

/// The place in the word where candidates go, and the candidates; none where the argument is none
/// of these.
pub(super) async fn find(place: &Place<'_>, spec: &str, info: bool) -> Option<(usize, Vec<Item>)> {
    let typed = place.typed;
    if typed.starts_with('-') {
        return Some((0, flags(spec)));
    }
    let mut kinds = spec.split(',').map(kind);
    let has_number = kinds.any(|kind| matches!(kind, "i" | "l" | "M" | "o" | "T"));
    if let Some(at) = typed.rfind('$').filter(|_| has_number) {
        let names = registers::listed(place.caps);
        return Some((at + 1, names.map(|name| Item::new(name, "")).collect()));
    }
    let nth = place.before.len();
    let found = match (place.command, nth) {
        ("log", 0) => return Some(log_items(place)),
        ("qom-list" | "qom-get" | "qom-set", 0) => return Some(path(place).await),
        ("qom-get" | "qom-set", 1) => properties(place).await,
        ("qom-set", 2) => value_now(place).await,
        ("migrate_set_parameter", 1) => parameter(place).await,
        ("cpu", 0) => cpus(place).await,
        ("registers" | "lapic", 0) if info => cpus(place).await,
        (
            "block_job_cancel"
            | "block_job_complete"
            | "block_job_pause"
            | "block_job_resume"
            | "block_job_set_speed",
            0,
        ) => jobs(place).await,
        ("help" | "?", 0) => names(place.rows, false),
        _ => {
            let args: Vec<&str> = spec
                .split(',')
                .filter(|arg| !kind(arg).starts_with('-'))
                .collect();
            match args.get(nth).map(|arg| kind(arg)) {
                Some("b" | "b?") => ["on", "off"].map(|word| Item::new(word, "")).into(),
                _ => return None,
            }
        }
    };
    Some((0, found))
}

/// What may be logged, behind the last comma.
fn log_items(place: &Place<'_>) -> (usize, Vec<Item>) {
    let comma = place.typed.rfind(',').map_or(0, |at| at + 1);
    let given: Vec<&str> = place.typed[..comma].split(',').collect();
    let mut items: Vec<Item> = logged(place.caps.version)
        .filter(|(name, _)| !given.contains(name))
        .map(|(name, what)| Item::new(name, what))
        .collect();
    if comma == 0 {
        items.push(Item::new("none", "end logging"));
    }
    items.push(Item {
        open: true,
        ..Item::new("trace:", "trace events by their names")
    });
    (comma, items)
}

/// The letter of an argument, with what is behind it.
fn kind(arg: &str) -> &str {
    arg.split_once(':').map_or("", |(_, kind)| kind)
}

fn flags(spec: &str) -> Vec<Item> {
    let flags = spec.split(',').filter_map(|arg| {
        let (name, kind) = arg.split_once(':')?;
        let flag = kind.strip_prefix('-')?.chars().next()?;
        Some(Item::new(format!("-{flag}"), name.replace('_', " ")))
    });
    flags.collect()
}

fn names(rows: &Rows, info: bool) -> Vec<Item> {
    let table = if info { &rows.info } else { &rows.main };
    table
        .iter()
        .flat_map(|row| row.names().map(|name| Item::new(name, row.help)))
        .collect()
}

async fn list(place: &Place<'_>, path: &str) -> Vec<Property> {
    let reply = place.qmp.execute("qom-list", json!({"path": path})).await;
    serde_json::from_value(reply.unwrap_or_default()).unwrap_or_default()
}

/// The objects below the last `/` of what is typed.
async fn path(place: &Place<'_>) -> (usize, Vec<Item>) {
    let Some(slash) = place.typed.rfind('/') else {
        let root = Item {
            text: "/".into(),
            about: String::new(),
            open: true,
        };
        return (0, vec![root]);
    };
    let parent = match slash {
        0 => "/",
        end => &place.typed[..end],
    };
    let children = list(place, parent).await;
    let items = children.iter().filter_map(|child| {
        let kind = child.child()?;
        Some(Item {
            text: child.name.clone(),
            about: kind.to_owned(),
            open: true,
        })
    });
    (slash + 1, items.collect())
}

/// The properties of the object, with their types and values.
async fn properties(place: &Place<'_>) -> Vec<Item> {
    let path = place.before[0];
    let properties = list(place, path).await;
    let asked = properties
        .iter()
        .filter(|property| property.child().is_none());
    let asked: Vec<&Property> = asked.collect();
    let requests = asked.iter().map(|property| {
        let arguments = json!({"path": path, "property": property.name});
        ("qom-get", arguments)
    });
    let values = crate::qemu::objects::all(place.qmp, requests).await;
    let about = |(property, value): (&&Property, Result<Value, _>)| {
        let value = value.as_ref().map_or_else(|_| String::new(), plain);
        Item::new(property.name.clone(), format!("{} {value}", property.kind))
    };
    asked.iter().zip(values).map(about).collect()
}

/// The values that a property may get: both of a switch, or what it is now.
async fn value_now(place: &Place<'_>) -> Vec<Item> {
    let (path, name) = (place.before[0], place.before[1]);
    let properties = list(place, path).await;
    let kind = properties.iter().find(|property| property.name == name);
    if kind.is_some_and(|property| property.kind == "bool") {
        return ["on", "off"].map(|word| Item::new(word, "")).into();
    }
    let arguments = json!({"path": path, "property": name});
    let value = place.qmp.execute("qom-get", arguments).await;
    now(&value.unwrap_or_default())
}

fn now(value: &Value) -> Vec<Item> {
    let text = plain(value);
    match text.is_empty() || text.contains(|c: char| c.is_ascii_whitespace()) {
        true => Vec::new(),
        false => vec![Item::new(text, "the value now")],
    }
}

/// The values of a migration parameter: of its enumeration, or what it is now.
async fn parameter(place: &Place<'_>) -> Vec<Item> {
    let name = place.before[0];
    if let Ok(schema) = place.caps.schema(place.qmp).await {
        let values = schema.enum_values("migrate-set-parameters", name);
        if !values.is_empty() {
            return values
                .into_iter()
                .map(|value| Item::new(value, ""))
                .collect();
        }
    }
    let reply = place
        .qmp
        .execute("query-migrate-parameters", Value::Null)
        .await;
    match reply.unwrap_or_default().get(name) {
        Some(Value::Bool(_)) => ["on", "off"].map(|word| Item::new(word, "")).into(),
        // A number alone would be one of MiB.
        Some(Value::Number(bytes)) if in_mebibytes(name) => now(&format!("{bytes}B").into()),
        Some(value) => now(value),
        None => Vec::new(),
    }
}

async fn cpus(place: &Place<'_>) -> Vec<Item> {
    let reply = place.qmp.execute("query-cpus-fast", Value::Null).await;
    let reply = reply.unwrap_or_default();
    let cpus = reply.as_array().into_iter().flatten();
    cpus.filter_map(|cpu| {
        let index = cpu.get("cpu-index")?.as_u64()?;
        let path = cpu.get("qom-path").and_then(Value::as_str);
        Some(Item::new(index.to_string(), path.unwrap_or_default()))
    })
    .collect()
}

async fn jobs(place: &Place<'_>) -> Vec<Item> {
    let reply = place.qmp.execute("query-block-jobs", Value::Null).await;
    let reply = reply.unwrap_or_default();
    let jobs = reply.as_array().into_iter().flatten();
    jobs.filter_map(|job| {
        let kind = job.get("type").and_then(Value::as_str).unwrap_or_default();
        Some(Item::new(job.get("device")?.as_str()?, kind))
    })
    .collect()
}
