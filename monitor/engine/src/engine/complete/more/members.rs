// SPDX-License-Identifier: GPL-2.0-or-later
//! The names that a list of options, or an object in JSON, may have: what the schema says.

use serde_json::Value;

use crate::qemu::schema::Schema;

/// A name that a list of options may have.
#[derive(Clone, Debug, Default)]
pub(super) struct Name {
    pub(super) name: String,
    /// Its type, as it is shown.
    pub(super) kind: String,
    pub(super) about: String,
    /// The values that it may get, where those are few.
    pub(super) values: Vec<String>,
}

impl Name {
    /// One that the schema says nothing of.
    pub(super) fn new(name: &str, kind: &str, about: &str) -> Self {
        Self {
            name: name.into(),
            kind: kind.into(),
            about: about.into(),
            values: Vec::new(),
        }
    }

    /// What it is, on one line.
    pub(super) fn shown(&self) -> String {
        let parts = [self.kind.as_str(), self.about.as_str()];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(", ")
    }
}

/// The members that an object has whose members so far are `given`: its own, and those of the
/// branches that they choose.
pub(super) fn names(schema: &Schema, object: &Value, given: &[(&str, &str)]) -> Vec<Name> {
    let shown = |member: &Value| {
        let kind = schema.entity(member.get("type")?.as_str()?)?;
        let optional = member.get("default").is_some();
        Some(Name {
            name: member.get("name")?.as_str()?.to_owned(),
            kind: described(schema, kind, 0),
            about: if optional { "optional" } else { "" }.into(),
            values: values(schema, kind),
        })
    };
    let members = members(schema, object, given);
    members.into_iter().filter_map(shown).collect()
}

/// The same as the schema has them.
pub(super) fn members<'s>(
    schema: &'s Schema,
    object: &'s Value,
    given: &[(&str, &str)],
) -> Vec<&'s Value> {
    let mut found = Vec::new();
    let mut next = Some(object);
    // Branches are objects, which may have branches.
    for _ in 0..DEPTH {
        let Some(object) = next else { break };
        let own = object.get("members").and_then(Value::as_array);
        found.extend(own.into_iter().flatten());
        next = branch(schema, object, given);
    }
    found
}

/// How deep types are looked into.
const DEPTH: usize = 8;

/// The branch of a union that its tag chooses.
fn branch<'s>(schema: &'s Schema, object: &'s Value, given: &[(&str, &str)]) -> Option<&'s Value> {
    let tag = object.get("tag")?.as_str()?;
    let (_, case) = given.iter().find(|(name, _)| *name == tag)?;
    let variants = object.get("variants")?.as_array()?;
    let chosen = variants
        .iter()
        .find(|variant| variant.get("case").and_then(Value::as_str) == Some(case))?;
    schema.entity(chosen.get("type")?.as_str()?)
}

/// The values that a type has, where those are few: of an enumeration, of a switch, of one among
/// other types.
fn values(schema: &Schema, kind: &Value) -> Vec<String> {
    match meta(kind) {
        "enum" => Schema::values(kind)
            .into_iter()
            .map(str::to_owned)
            .collect(),
        "builtin" if kind["name"] == "bool" => ["on", "off"].map(str::to_owned).into(),
        "alternate" => {
            let values = alternatives(schema, kind).flat_map(|kind| match meta(kind) {
                "enum" => values(schema, kind),
                _ => Vec::new(),
            });
            values.collect()
        }
        _ => Vec::new(),
    }
}

pub(super) fn meta(kind: &Value) -> &str {
    kind.get("meta-type")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The types that an alternate chooses from.
pub(super) fn alternatives<'s>(
    schema: &'s Schema,
    kind: &'s Value,
) -> impl Iterator<Item = &'s Value> {
    let members = kind.get("members").and_then(Value::as_array);
    let members = members.into_iter().flatten();
    members.filter_map(|member| schema.entity(member.get("type")?.as_str()?))
}

/// A type as it is shown: names of types are numbers in a schema, but for the simple ones.
fn described(schema: &Schema, kind: &Value, depth: usize) -> String {
    if depth > DEPTH {
        return String::new();
    }
    match meta(kind) {
        "builtin" => kind["name"].as_str().unwrap_or_default().to_owned(),
        "enum" => Schema::values(kind).join("|"),
        "array" => match schema
            .element(kind)
            .map(|element| described(schema, element, depth + 1))
        {
            Some(element) => format!("list of {element}"),
            None => "list".to_owned(),
        },
        "alternate" => {
            let mut kinds: Vec<String> = alternatives(schema, kind)
                .filter(|other| meta(other) != "alternate")
                .map(|other| described(schema, other, depth + 1))
                .collect();
            kinds.dedup();
            kinds.join(" or ")
        }
        _ => "options".to_owned(),
    }
}
