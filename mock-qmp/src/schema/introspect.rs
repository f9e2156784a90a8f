// SPDX-License-Identifier: GPL-2.0-or-later
//! Reads what query-qmp-schema returned.

use std::collections::HashMap;

use serde::Deserialize;

/// A schema that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("no schema: {0}")]
pub struct SchemaError(#[from] serde_json::Error);

/// What a QEMU offers, by its own account.
#[derive(Debug)]
pub struct Schema {
    pub(crate) entities: HashMap<String, Entity>,
}

/// An entry as it is written: the members of all kinds of entries, since telling them apart while
/// reading costs ten times as much.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Written {
    name: String,
    meta_type: String,
    #[serde(default)]
    arg_type: String,
    #[serde(default)]
    allow_oob: bool,
    #[serde(default)]
    members: Vec<Member>,
    tag: Option<String>,
    #[serde(default)]
    variants: Vec<Variant>,
    #[serde(default)]
    values: Vec<String>,
    #[serde(default)]
    element_type: String,
    #[serde(default)]
    json_type: String,
}

/// One entry.
#[derive(Debug)]
pub(crate) enum Entity {
    Command {
        arg_type: String,
        allow_oob: bool,
    },
    Object {
        members: Vec<Member>,
        tag: Option<String>,
        variants: Vec<Variant>,
    },
    Enum {
        members: Vec<Member>,
        values: Vec<String>,
    },
    Array {
        element_type: String,
    },
    Alternate {
        members: Vec<Member>,
    },
    Builtin {
        json_type: String,
    },
    /// An event, or something that later QEMUs add.
    Other,
}

/// A member of an object, an enumeration or an alternate; of its parts the latter two have one
/// each.
#[derive(Debug, Deserialize)]
pub(crate) struct Member {
    #[serde(default)]
    pub(crate) name: String,
    #[serde(rename = "type", default)]
    pub(crate) kind: String,
    /// Present (and `null`) where the member may be left out.
    #[serde(default, deserialize_with = "present")]
    pub(crate) default: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Variant {
    pub(crate) case: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

impl From<Written> for Entity {
    fn from(written: Written) -> Self {
        let Written {
            arg_type,
            allow_oob,
            members,
            tag,
            variants,
            values,
            element_type,
            json_type,
            ..
        } = written;
        match written.meta_type.as_str() {
            "command" => Self::Command {
                arg_type,
                allow_oob,
            },
            "object" => Self::Object {
                members,
                tag,
                variants,
            },
            "enum" => Self::Enum { members, values },
            "array" => Self::Array { element_type },
            "alternate" => Self::Alternate { members },
            "builtin" => Self::Builtin { json_type },
            _ => Self::Other,
        }
    }
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl Schema {
    /// Reads JSON text of what query-qmp-schema returned.
    pub fn parse(json: &str) -> Result<Self, SchemaError> {
        let written: Vec<Written> = serde_json::from_str(json)?;
        let entities = written.into_iter().map(|mut written| {
            let name = std::mem::take(&mut written.name);
            (name, Entity::from(written))
        });
        Ok(Self {
            entities: entities.collect(),
        })
    }

    /// The names of the commands, sorted.
    #[must_use]
    pub fn commands(&self) -> Vec<&str> {
        let commands = self
            .entities
            .iter()
            .filter(|(_, entity)| matches!(entity, Entity::Command { .. }));
        let mut names: Vec<&str> = commands.map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// Whether there is such a command; and if so, whether it may be sent out of band.
    #[must_use]
    pub fn command(&self, name: &str) -> Option<bool> {
        match self.entities.get(name)? {
            Entity::Command { allow_oob, .. } => Some(*allow_oob),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_all_kinds_are_read() {
        let text = r#"[
            {"name":"a","ret-type":"0","meta-type":"command","arg-type":"1","allow-oob":true},
            {"name":"E","meta-type":"event","arg-type":"1"},
            {"name":"1","meta-type":"object","members":[{"name":"x","default":null,"type":"int"},{"name":"y","type":"2","features":["deprecated"]}]},
            {"name":"2","meta-type":"enum","members":[{"name":"on"}],"values":["on"]},
            {"name":"[2]","meta-type":"array","element-type":"2"},
            {"name":"3","meta-type":"alternate","members":[{"type":"str"}]},
            {"name":"int","json-type":"int","meta-type":"builtin"}]"#;
        let schema = Schema::parse(text).unwrap();
        assert_eq!(schema.commands(), ["a"]);
        assert_eq!(schema.command("a"), Some(true));
        assert_eq!(schema.command("E"), None);
        let Some(Entity::Object { members, .. }) = schema.entities.get("1") else {
            panic!()
        };
        assert_eq!(
            members
                .iter()
                .map(|member| member.default)
                .collect::<Vec<_>>(),
            [true, false]
        );
        assert!(Schema::parse("{}").is_err());
    }
}
