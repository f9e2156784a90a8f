// SPDX-License-Identifier: GPL-2.0-or-later
//! A QMP command and its arguments, by the schema: as JSON, or as `NAME=VALUE`.

use serde_json::Value;

use crate::command::row::Comp;
use crate::command::rows::Rows;
use crate::engine::complete::base::candidates;
use crate::engine::complete::more::item::{Item, Offers, Place};
use crate::engine::complete::more::json::{self, Level};
use crate::engine::complete::more::members::{self, Name, alternatives, meta};
use crate::engine::complete::more::options::device;
use crate::engine::complete::more::values::values;
use crate::engine::complete::source::Source;
use crate::qemu::schema::Schema;

/// What is expected.
#[derive(Clone, Copy)]
enum Type<'s> {
    /// A request: a command and its arguments.
    Request,
    /// The name of a command.
    Command,
    /// What the schema says.
    Of(&'s Value),
    Unknown,
}

/// Completes `text`, what is left of the cursor of `COMMAND`, `COMMAND NAME=VALUE ...`, `COMMAND
/// {arguments}` or `{request}`.
pub async fn qmp(text: &str, rows: &Rows, source: Source<'_>) -> Offers {
    let start = text.len() - text.trim_start().len();
    let behind = text[start..].find(|c: char| c.is_ascii_whitespace());
    if text[start..].starts_with('{') {
        return in_json(text, start, Type::Request, "", rows, source).await;
    }
    let Some(length) = behind else {
        let names = source.caps.commands().map(|name| Item::new(name, ""));
        return fitting(start, text, names.collect(), false);
    };
    let command = &text[start..start + length];
    let at = text.len() - text[start + length..].trim_start().len();
    if text[at..].starts_with('{') {
        return in_json(text, at, Type::Unknown, command, rows, source).await;
    }
    pairs(text, at, command, rows, source).await
}

/// Those that begin as the word at the end of the text does.
fn fitting(start: usize, text: &str, mut items: Vec<Item>, verbatim: bool) -> Offers {
    let typed = text.get(start..).unwrap_or_default();
    items.retain(|item| item.text.starts_with(typed));
    items.sort();
    items.dedup_by(|a, b| a.text == b.text);
    Offers {
        start,
        items,
        files: false,
        verbatim,
    }
}

async fn pairs(text: &str, at: usize, command: &str, rows: &Rows, source: Source<'_>) -> Offers {
    let place = place(command, rows, source);
    let word = text.rfind(|c: char| c.is_ascii_whitespace());
    let start = word.map_or(at, |blank| blank + 1);
    let given: Vec<(&str, &str)> = text[at..start]
        .split_ascii_whitespace()
        .filter_map(|word| word.split_once('='))
        .collect();
    let Ok(schema) = source.caps.schema(source.qmp).await else {
        return Offers::default();
    };
    let arguments = schema.arguments(command);
    let names = names(&place, &schema, arguments, &given).await;
    let Some((name, _)) = text[start..].split_once('=') else {
        let free = names
            .into_iter()
            .filter(|known| !given.iter().any(|(name, _)| *name == known.name));
        let items = free.map(|known| Item {
            text: format!("{}=", known.name),
            about: known.shown(),
            open: true,
        });
        return fitting(start, text, items.collect(), false);
    };
    let known = names.into_iter().find(|known| known.name == name);
    let known = known.unwrap_or_else(|| Name::new(name, "", ""));
    let items = match known.kind.as_str() {
        "bool" => ["false", "true"].map(|word| Item::new(word, "")).into(),
        _ => named(&place, &known).await,
    };
    fitting(start + name.len() + 1, text, items, false)
}

/// What a member of this name may be.
async fn named(place: &Place<'_>, known: &Name) -> Vec<Item> {
    match (place.command, known.name.as_str()) {
        ("device_add", "driver") => {
            let types = candidates(Comp::DeviceType, "", place.source()).await;
            types.into_iter().map(|kind| Item::new(kind, "")).collect()
        }
        _ => values(place, "", known).await,
    }
}

/// The members of a command's arguments, or of an object in them.
async fn names(
    place: &Place<'_>,
    schema: &Schema,
    object: Option<&Value>,
    given: &[(&str, &str)],
) -> Vec<Name> {
    let known = object.map(|object| members::names(schema, object, given));
    let mut names = known.unwrap_or_default();
    if place.command == "device_add" {
        // The schema leaves out what the driver decides.
        let driver = given.iter().find(|(name, _)| *name == "driver");
        if let Some((_, driver)) = driver {
            let more = device(place, driver).await;
            let more = more
                .into_iter()
                .filter(|name| names.iter().all(|known| known.name != name.name));
            let more: Vec<Name> = more.collect();
            names.extend(more);
        }
    }
    names
}

fn place<'a>(command: &'a str, rows: &'a Rows, source: Source<'a>) -> Place<'a> {
    Place {
        command,
        before: Vec::new(),
        typed: "",
        rows,
        caps: source.caps,
        builtin: source.builtin,
        qmp: source.qmp,
    }
}

/// Completes what begins at byte `from`: the request, or the arguments of a command.
async fn in_json(
    text: &str,
    from: usize,
    outermost: Type<'_>,
    command: &str,
    rows: &Rows,
    source: Source<'_>,
) -> Offers {
    let Ok(schema) = source.caps.schema(source.qmp).await else {
        return Offers::default();
    };
    let Some(spot) = json::spot(&text[from..]) else {
        return Offers::default();
    };
    let Some((last, outer)) = spot.around.split_last() else {
        return Offers::default();
    };
    let request = matches!(outermost, Type::Request);
    // The command of a request is a member of it.
    let command = match spot.around.first().filter(|_| request) {
        Some(first) => given(first, "execute"),
        None => command,
    };
    let place = place(command, rows, source);
    let arguments = schema.arguments(command).map_or(Type::Unknown, Type::Of);
    let mut kind = if request { Type::Request } else { arguments };
    for level in outer {
        kind = within(&schema, kind, level, arguments);
    }
    let start = from + spot.start;
    let items = if spot.key {
        // The arguments themselves, not an object in them.
        let own = spot.around.len() == 1 + usize::from(request);
        let named = match inner(&schema, kind, false) {
            Type::Request => ["arguments", "execute"]
                .map(|name| Name::new(name, "", ""))
                .into(),
            Type::Of(object) if own => names(&place, &schema, Some(object), &last.given).await,
            Type::Of(object) => members::names(&schema, object, &last.given),
            Type::Command | Type::Unknown => Vec::new(),
        };
        let free = named
            .into_iter()
            .filter(|known| !last.names.contains(&known.name.as_str()));
        let item = |known: Name| Item {
            text: format!("\"{}\": ", known.name),
            about: known.shown(),
            open: true,
        };
        free.map(item).collect()
    } else {
        let name = last.names.last().copied().unwrap_or_default();
        let kind = within(&schema, kind, last, arguments);
        let mut items = Vec::new();
        add(&mut items, &schema, kind, source);
        if items.is_empty() {
            let strings = named(&place, &Name::new(name, "str", "")).await;
            items.extend(
                strings
                    .into_iter()
                    .map(|item| quoted(&item.text, &item.about)),
            );
        }
        items
    };
    fitting(start, text, items, true)
}

fn given<'t>(level: &Level<'t>, name: &str) -> &'t str {
    let found = level.given.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| *value).unwrap_or_default()
}

fn quoted(text: &str, about: &str) -> Item {
    Item {
        text: Value::from(text).to_string(),
        about: about.to_owned(),
        open: true,
    }
}

/// The type of what is next in an object or a list of this type.
fn within<'s>(
    schema: &'s Schema,
    kind: Type<'s>,
    level: &Level<'_>,
    arguments: Type<'s>,
) -> Type<'s> {
    let name = level.names.last().copied().unwrap_or_default();
    match inner(schema, kind, level.list) {
        Type::Request if name == "execute" => Type::Command,
        Type::Request if name == "arguments" => arguments,
        Type::Of(list) if level.list => schema.element(list).map_or(Type::Unknown, Type::Of),
        Type::Of(object) => {
            let members = members::members(schema, object, &level.given);
            let member = members
                .into_iter()
                .find(|member| member.get("name").and_then(Value::as_str) == Some(name));
            let kind = member.and_then(|member| schema.entity(member.get("type")?.as_str()?));
            kind.map_or(Type::Unknown, Type::Of)
        }
        Type::Request | Type::Command | Type::Unknown => Type::Unknown,
    }
}

/// A type where an object, or a list, has begun.
fn inner<'s>(schema: &'s Schema, kind: Type<'s>, list: bool) -> Type<'s> {
    let wanted = if list { "array" } else { "object" };
    match kind {
        Type::Of(kind) if meta(kind) == "alternate" => {
            let mut fits = alternatives(schema, kind).filter(|kind| meta(kind) == wanted);
            fits.next().map_or(Type::Unknown, Type::Of)
        }
        Type::Of(kind) if meta(kind) != wanted => Type::Unknown,
        other => other,
    }
}

/// Adds the values of a type, or how they begin.
fn add(items: &mut Vec<Item>, schema: &Schema, kind: Type<'_>, source: Source<'_>) {
    let begins = |text: &str| Item {
        text: text.to_owned(),
        about: String::new(),
        open: true,
    };
    match kind {
        Type::Command => items.extend(source.caps.commands().map(|name| quoted(name, ""))),
        Type::Of(kind) => match meta(kind) {
            "enum" => items.extend(Schema::values(kind).iter().map(|value| quoted(value, ""))),
            "object" => items.push(begins("{")),
            "array" => items.push(begins("[")),
            "builtin" if kind["name"] == "bool" => {
                items.extend(["false", "true"].map(begins));
            }
            "alternate" => {
                let others = alternatives(schema, kind).filter(|kind| meta(kind) != "alternate");
                others.for_each(|kind| add(items, schema, Type::Of(kind), source));
            }
            _ => {}
        },
        Type::Request | Type::Unknown => {}
    }
}
