// SPDX-License-Identifier: GPL-2.0-or-later
//! Lists of options, `TYPE,NAME=VALUE,...`: the names that the type has, and the values that they
//! may get.

use serde_json::{Map, Value, json};

use crate::command::hazard;
use crate::command::row::Comp;
use crate::engine::complete::base::candidates;
use crate::engine::complete::more::item::{Item, Place};
use crate::engine::complete::more::value::plain;
use crate::qemu::devices::{Devices, Kind};
use crate::qemu::schema::Schema;
use crate::table::HAZARDS;

/// Options of `drive_add` that are no block node's.
const DRIVE: &[(&str, &str)] = &[
    ("aio", "threads, native or io_uring"),
    (
        "cache",
        "none, writeback, writethrough, unsafe or directsync",
    ),
    ("file", "the image"),
    ("format", "the image's format"),
    ("id", "a name"),
    ("if", "none for device_add"),
    ("media", "disk or cdrom"),
    ("read-only", "on or off"),
    ("snapshot", "on: keep nothing that is written"),
    (
        "werror",
        "what an error of a write does: report, ignore, enospc, stop",
    ),
];

/// A name that a list of options may have.
struct Name {
    name: String,
    kind: String,
    about: String,
}

/// The place in the word where candidates go, and the candidates.
pub(super) async fn find(place: &Place<'_>) -> Option<(usize, Vec<Item>)> {
    let nth = place.before.len();
    match (place.command, nth) {
        ("device_add" | "object_add" | "netdev_add" | "chardev-add", 0) | ("drive_add", 1) => {}
        _ => return None,
    }
    let typed = place.typed;
    let comma = typed.rfind(',').map_or(0, |at| at + 1);
    let (done, now) = typed.split_at(comma);
    if comma == 0 && place.command != "drive_add" {
        return None;
    }
    let given: Vec<(&str, &str)> = done
        .split(',')
        .filter(|option| !option.is_empty())
        .map(|option| option.split_once('=').unwrap_or((option, "")))
        .collect();
    let names = names(place, &given).await;
    let Some((name, _)) = now.split_once('=') else {
        let free = names
            .into_iter()
            .filter(|known| !given.iter().any(|(name, _)| *name == known.name));
        let items = free.map(|known| Item {
            text: format!("{}=", known.name),
            about: match known.about.is_empty() {
                true => known.kind,
                false => format!("{}, {}", known.kind, known.about),
            },
            open: true,
        });
        return Some((comma, items.collect()));
    };
    let known = names.iter().find(|known| known.name == name);
    let kind = known.map_or("", |known| known.kind.as_str());
    Some((comma + name.len() + 1, values(place, name, kind).await))
}

/// The names that the options so far leave.
async fn names(place: &Place<'_>, given: &[(&str, &str)]) -> Vec<Name> {
    // The first may stand for itself, or be named.
    let of = |key: &str| {
        let named = given.iter().find(|(name, _)| *name == key);
        let first = given.first().filter(|(_, value)| value.is_empty());
        named
            .map(|(_, value)| *value)
            .or(first.map(|(name, _)| *name))
            .unwrap_or_default()
    };
    match place.command {
        "device_add" => {
            let mut names = properties(place, "device-list-properties", of("driver")).await;
            for (name, about) in [("bus", "where it goes"), ("id", "a name")] {
                names.push(Name {
                    name: name.into(),
                    kind: "str".into(),
                    about: about.into(),
                });
            }
            names
        }
        "object_add" => {
            let mut names = properties(place, "qom-list-properties", of("qom-type")).await;
            names.retain(|name| name.name != "type");
            names.push(Name {
                name: "id".into(),
                kind: "str".into(),
                about: "a name".into(),
            });
            names
        }
        "netdev_add" => of_union(place, "netdev_add", of("type")).await,
        "chardev-add" => {
            let version = place.caps.version;
            let names = crate::commands::chardev::options::names(version);
            let name = |name: &str| Name {
                name: name.into(),
                kind: String::new(),
                about: String::new(),
            };
            names.into_iter().map(name).chain([name("id")]).collect()
        }
        _ => {
            let driver = [of("format"), of("driver")]
                .into_iter()
                .find(|text| !text.is_empty());
            let mut names = of_union(place, "blockdev-add", driver.unwrap_or_default()).await;
            for (name, about) in DRIVE {
                names.retain(|known| known.name != *name);
                names.push(Name {
                    name: (*name).into(),
                    kind: "str".into(),
                    about: (*about).into(),
                });
            }
            names
        }
    }
}

/// What QEMU says of a type's properties; nothing where asking could harm it.
async fn properties(place: &Place<'_>, command: &str, kind: &str) -> Vec<Name> {
    let mut arguments = Map::new();
    arguments.insert("typename".into(), kind.into());
    if let Some(at) = hazard::of_call(HAZARDS, command)
        && hazard::find(HAZARDS, at, place.qmp, place.caps, &arguments)
            .await
            .is_some()
    {
        return Vec::new();
    }
    let reply = place.qmp.execute(command, arguments.into()).await;
    let reply = reply.unwrap_or_default();
    let name = |property: &Value| {
        let text = |name: &str| {
            property
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let default = property.get("default-value").map(plain);
        let default = default.map_or_else(String::new, |value| format!("default {value}"));
        let parts = [default.as_str(), text("description")];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        (!text("name").is_empty() && !text("type").starts_with("child<")).then(|| Name {
            name: text("name").to_owned(),
            kind: text("type").to_owned(),
            about: parts.join(", "),
        })
    };
    reply
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(name)
        .collect()
}

/// The members that a command's argument has, with those of the branch that its tag chooses.
async fn of_union(place: &Place<'_>, command: &str, branch: &str) -> Vec<Name> {
    let Ok(schema) = place.caps.schema(place.qmp).await else {
        return Vec::new();
    };
    let Some(union) = schema.arguments(command) else {
        return Vec::new();
    };
    let chosen = union
        .get("variants")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let mut chosen = chosen.filter(|v| v.get("case").and_then(Value::as_str) == Some(branch));
    let chosen = chosen
        .next()
        .and_then(|v| schema.entity(v.get("type")?.as_str()?));
    let mut names = members(&schema, union);
    names.extend(
        chosen
            .into_iter()
            .flat_map(|branch| members(&schema, branch)),
    );
    names
}

fn members(schema: &Schema, object: &Value) -> Vec<Name> {
    let members = object.get("members").and_then(Value::as_array);
    let name = |member: &Value| {
        let kind = member
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let values = schema
            .entity(kind)
            .filter(|kind| kind["meta-type"] == "enum");
        let values = values.map_or_else(Vec::new, Schema::values);
        Some(Name {
            name: member.get("name")?.as_str()?.to_owned(),
            // Names of types are numbers in a schema, but for the simple ones.
            kind: match kind.bytes().all(|b| b.is_ascii_digit()) {
                false => kind.to_owned(),
                true if values.is_empty() => "options".into(),
                true => values.join("|"),
            },
            about: match member.get("default").is_some() {
                true => "optional".into(),
                false => String::new(),
            },
        })
    };
    members.into_iter().flatten().filter_map(name).collect()
}

/// What an option may be: by its name what exists, by its type what there is.
async fn values(place: &Place<'_>, name: &str, kind: &str) -> Vec<Item> {
    let ask = async |command: &str| {
        let reply = place.qmp.execute(command, Value::Null).await;
        match reply {
            Ok(Value::Array(list)) => list,
            _ => Vec::new(),
        }
    };
    let text = |value: &Value, name: &str| {
        let text = value.get(name).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    match name {
        "bus" => return buses(place).await,
        "drive" => {
            let nodes = ask("query-named-block-nodes").await;
            let backends = ask("query-block").await;
            let free = backends
                .iter()
                .filter(|backend| text(backend, "qdev").is_empty());
            let free = free.filter(|backend| !text(backend, "device").is_empty());
            let used: Vec<String> = backends
                .iter()
                .filter_map(|backend| Some(text(backend.get("inserted")?, "node-name")))
                .collect();
            let nodes = nodes.iter().filter(|node| {
                let name = text(node, "node-name");
                !name.starts_with('#') && !used.contains(&name)
            });
            let items = free.map(|backend| Item::new(text(backend, "device"), "drive"));
            return items
                .chain(nodes.map(|node| Item::new(text(node, "node-name"), text(node, "drv"))))
                .collect();
        }
        "chardev" => {
            let all = ask("query-chardev").await;
            let free = all.iter().filter(|one| {
                one.get("frontend-open").and_then(Value::as_bool) != Some(true)
                    && !text(one, "label").starts_with("compat_monitor")
            });
            return free
                .map(|one| Item::new(text(one, "label"), text(one, "filename")))
                .collect();
        }
        "memdev" => {
            let all = ask("query-memdev").await;
            let size = |one: &Value| one.get("size").and_then(Value::as_u64).unwrap_or(0) >> 20;
            let named = all.iter().filter(|one| !text(one, "id").is_empty());
            return named
                .map(|one| Item::new(text(one, "id"), format!("{} MiB", size(one))))
                .collect();
        }
        "iothread" => {
            let all = ask("query-iothreads").await;
            return all
                .iter()
                .map(|one| Item::new(text(one, "id"), ""))
                .collect();
        }
        "audiodev" => {
            let all = ask("query-audiodevs").await;
            return all
                .iter()
                .map(|one| Item::new(text(one, "id"), text(one, "driver")))
                .collect();
        }
        "netdev" => {
            let all = candidates(Comp::Netdev, "", place.source()).await;
            return all.into_iter().map(|id| Item::new(id, "")).collect();
        }
        _ => {}
    }
    let words = match kind {
        "bool" | "boolean" => "on|off",
        "OnOffAuto" => "on|off|auto",
        kind if kind.contains('|') => kind,
        _ => "",
    };
    if let Some(object) = kind.strip_prefix("link<") {
        return objects(place, object.trim_end_matches('>')).await;
    }
    words
        .split('|')
        .filter(|word| !word.is_empty())
        .map(|word| Item::new(word, ""))
        .collect()
}

/// The buses that there are.
async fn buses(place: &Place<'_>) -> Vec<Item> {
    let Ok(devices) = Devices::fetch(place.qmp).await else {
        return Vec::new();
    };
    let buses = devices
        .entries
        .iter()
        .filter(|entry| entry.kind == Kind::Bus);
    buses
        .map(|bus| Item::new(bus.name.clone(), bus.label.clone()))
        .collect()
}

/// The objects of a type that `object_add` made.
async fn objects(place: &Place<'_>, kind: &str) -> Vec<Item> {
    let list = json!({"path": "/objects"});
    let reply = place
        .qmp
        .execute("qom-list", list)
        .await
        .unwrap_or_default();
    let types = json!({"implements": kind, "abstract": false});
    let types = place
        .qmp
        .execute("qom-list-types", types)
        .await
        .unwrap_or_default();
    let fits = |name: &str| {
        let mut types = types.as_array().into_iter().flatten();
        types.any(|one| one.get("name").and_then(Value::as_str) == Some(name))
    };
    let item = |child: &Value| {
        let kind = child.get("type")?.as_str()?;
        let kind = kind.strip_prefix("child<")?.strip_suffix('>')?;
        fits(kind).then(|| Item::new(child["name"].as_str().unwrap_or_default(), kind))
    };
    reply
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(item)
        .collect()
}
