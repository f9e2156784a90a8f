// SPDX-License-Identifier: GPL-2.0-or-later
//! Lists of options, `TYPE,NAME=VALUE,...`: the names that the type has, and the values that they
//! may get.

use serde_json::{Map, Value};

use crate::command::hazard;
use crate::command::row::Comp;
use crate::commands::chardev::options as chardev;
use crate::engine::complete::base::candidates;
use crate::engine::complete::more::item::{Item, Place};
use crate::engine::complete::more::members::{self, Name};
use crate::engine::complete::more::value::plain;
use crate::engine::complete::more::values::values;
use crate::table::HAZARDS;

/// Options of `drive_add` that are no block node's: what they are, and their values.
const DRIVE: &[(&str, &str, &str)] = &[
    (
        "aio",
        "how the image is read and written",
        "threads|native|io_uring",
    ),
    (
        "cache",
        "how writes are cached",
        "none|writeback|writethrough|unsafe|directsync",
    ),
    (
        "copy-on-read",
        "keep what was read of a backing file",
        ON_OFF,
    ),
    (
        "discard",
        "whether discards reach the image",
        "ignore|unmap",
    ),
    ("file", "the image", ""),
    ("format", "the image's format", ""),
    ("id", "a name", ""),
    (
        "if",
        "none for device_add",
        "none|ide|scsi|sd|mtd|floppy|pflash|virtio",
    ),
    ("media", "what it is", "disk|cdrom"),
    ("read-only", "nothing is written", ON_OFF),
    (
        "rerror",
        "what an error of a read does",
        "report|ignore|stop",
    ),
    ("snapshot", "keep nothing that is written", ON_OFF),
    (
        "werror",
        "what an error of a write does",
        "report|ignore|enospc|stop",
    ),
];

const ON_OFF: &str = "on|off";

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
    if comma == 0 && !typed.contains('=') && place.command != "drive_add" {
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
            about: known.shown(),
            open: true,
        });
        return Some((comma, items.collect()));
    };
    let known = names.into_iter().find(|known| known.name == name);
    let known = known.unwrap_or_else(|| Name::new(name, "", ""));
    let first = [
        ("device_add", "driver"),
        ("object_add", "qom-type"),
        ("chardev-add", "backend"),
    ];
    let items = match first.contains(&(place.command, name)) {
        true => types(place).await,
        false => {
            let first = given.first().filter(|(_, value)| value.is_empty());
            let driver = chosen(&given, "driver").or(first.map(|(name, _)| *name));
            let driver = driver.filter(|_| place.command == "device_add");
            values(place, driver.unwrap_or_default(), &known).await
        }
    };
    Some((comma + name.len() + 1, items))
}

/// The types that the first option chooses from.
async fn types(place: &Place<'_>) -> Vec<Item> {
    let comp = match place.command {
        "device_add" => Comp::DeviceType,
        "object_add" => Comp::ObjectType,
        _ => Comp::ChardevType,
    };
    let types = candidates(comp, "", place.source()).await;
    types.into_iter().map(|kind| Item::new(kind, "")).collect()
}

/// What an option was given, which the first one need not name.
fn chosen<'g>(given: &[(&str, &'g str)], key: &str) -> Option<&'g str> {
    let named = given.iter().find(|(name, _)| *name == key);
    named.map(|(_, value)| *value)
}

/// The names that the options so far leave.
async fn names(place: &Place<'_>, given: &[(&str, &str)]) -> Vec<Name> {
    // The first may stand for itself, or be named.
    let of = |key: &str| {
        let first = given.first().filter(|(_, value)| value.is_empty());
        chosen(given, key)
            .or(first.map(|(name, _)| *name))
            .unwrap_or_default()
    };
    match place.command {
        "device_add" => device(place, of("driver")).await,
        "object_add" => {
            let kind = of("qom-type");
            let schema = of_union(place, "object-add", &[("qom-type", kind)]).await;
            let mut names = properties(place, "qom-list-properties", kind).await;
            names.retain(|name| name.name != "type");
            // Names of types say less in QOM than the schema does.
            for name in &mut names {
                if let Some(known) = schema.iter().find(|known| known.name == name.name) {
                    name.kind.clone_from(&known.kind);
                    name.values.clone_from(&known.values);
                }
            }
            names.push(Name::new("id", "str", "a name"));
            names
        }
        "netdev_add" => of_union(place, "netdev_add", &[("type", of("type"))]).await,
        "chardev-add" => {
            let Ok(schema) = place.caps.schema(place.qmp).await else {
                return Vec::new();
            };
            let options = chardev::of(of("backend"), &schema, place.caps.version);
            let names = options.into_iter().map(|(name, kind)| Name {
                values: listed(if kind == "bool" { ON_OFF } else { "" }),
                ..Name::new(name, kind, "")
            });
            names.chain([Name::new("id", "str", "a name")]).collect()
        }
        _ => {
            let driver = [of("format"), of("driver")]
                .into_iter()
                .find(|text| !text.is_empty());
            let driver = [("driver", driver.unwrap_or_default())];
            let mut names = of_union(place, "blockdev-add", &driver).await;
            let formats = names.iter().find(|name| name.name == "driver");
            let formats = formats.map(|name| name.values.clone()).unwrap_or_default();
            for (name, about, values) in DRIVE {
                names.retain(|known| known.name != *name);
                names.push(Name {
                    values: match *name {
                        "format" => formats.clone(),
                        _ => listed(values),
                    },
                    ..Name::new(name, values, about)
                });
            }
            names
        }
    }
}

fn listed(values: &str) -> Vec<String> {
    let values = values.split('|').filter(|value| !value.is_empty());
    values.map(str::to_owned).collect()
}

/// The options of a type of device.
pub(super) async fn device(place: &Place<'_>, driver: &str) -> Vec<Name> {
    let mut names = properties(place, "device-list-properties", driver).await;
    names.push(Name::new("bus", "str", "where it goes"));
    names.push(Name::new("id", "str", "a name"));
    names
}

/// The members that a command's argument has, with those of the branch that its tag chooses.
async fn of_union(place: &Place<'_>, command: &str, given: &[(&str, &str)]) -> Vec<Name> {
    let Ok(schema) = place.caps.schema(place.qmp).await else {
        return Vec::new();
    };
    let union = schema.arguments(command);
    union.map_or_else(Vec::new, |union| members::names(&schema, union, given))
}

/// What QEMU says of a type's properties; nothing where asking could harm it.
async fn properties(place: &Place<'_>, command: &str, kind: &str) -> Vec<Name> {
    let mut arguments = Map::new();
    arguments.insert("typename".into(), kind.into());
    if let Some(at) = hazard::of_call(HAZARDS, command) {
        let met = hazard::find(HAZARDS, at, place.qmp, place.caps, &arguments).await;
        if !matches!(met, Ok(None)) {
            return Vec::new();
        }
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
            values: of_type(text("type"), text("description")),
            ..Name::new(text("name"), text("type"), &parts.join(", "))
        })
    };
    reply
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(name)
        .collect()
}

/// The values of a property, by its type, or by the end of its description: QEMU lists those of
/// enumerations there, with slashes between (hw/core/qdev-properties-system.c).
fn of_type(kind: &str, description: &str) -> Vec<String> {
    match kind {
        "bool" | "boolean" => return listed(ON_OFF),
        "OnOffAuto" => return listed("on|off|auto"),
        "str" | "string" | "int" | "uint8" | "uint16" | "uint32" | "uint64" | "size" => {
            return Vec::new();
        }
        _ => {}
    }
    let list = description.rsplit([' ', ',', ':', '(']).next();
    let list = list.unwrap_or_default().trim_end_matches(')');
    let word = |word: &str| {
        let of_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        !word.is_empty() && word.chars().all(of_name)
    };
    match list.contains('/') && list.split('/').all(word) {
        true => list.split('/').map(str::to_owned).collect(),
        false => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_list_values() {
        let values = |text: &str| of_type("X", text).join(" ");
        assert_eq!(
            values("FDC drive type, 144/288/120/none/auto"),
            "144 288 120 none auto"
        );
        assert_eq!(values("one of (a/b-c)"), "a b-c");
        assert_eq!(values("on/off/x:y"), "");
        assert_eq!(values("a MAC address"), "");
        assert_eq!(of_type("str", "a/b"), [""; 0]);
    }
}
