//! Reads what query-qmp-schema returned.

use serde::Deserialize;
use std::collections::HashMap;

/// A schema that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("no schema: {0}")]
pub struct SchemaError(#[from] serde_json::Error);

/// What a QEMU offers, by its own account.
#[derive(Debug)]
pub struct Schema {
    pub(crate) entities: HashMap<String, Entity>,
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
    #[serde(flatten)]
    entity: Entity,
}

/// One entry.
#[derive(Debug, Deserialize)]
#[serde(tag = "meta-type", rename_all = "lowercase")]
pub(crate) enum Entity {
    #[serde(rename_all = "kebab-case")]
    Command {
        arg_type: String,
        #[serde(default)]
        allow_oob: bool,
    },
    Event {},
    Object {
        members: Vec<Member>,
        tag: Option<String>,
        #[serde(default)]
        variants: Vec<Variant>,
    },
    Enum {
        #[serde(default)]
        members: Vec<EnumMember>,
        #[serde(default)]
        values: Vec<String>,
    },
    #[serde(rename_all = "kebab-case")]
    Array {
        element_type: String,
    },
    Alternate {
        members: Vec<AlternateMember>,
    },
    #[serde(rename_all = "kebab-case")]
    Builtin {
        json_type: String,
    },
}

#[derive(Debug, Deserialize)]
pub(crate) struct Member {
    pub(crate) name: String,
    #[serde(rename = "type")]
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

#[derive(Debug, Deserialize)]
pub(crate) struct EnumMember {
    pub(crate) name: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct AlternateMember {
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl Schema {
    /// Reads JSON text of what query-qmp-schema returned.
    pub fn parse(json: &str) -> Result<Self, SchemaError> {
        let named: Vec<Named> = serde_json::from_str(json)?;
        Ok(Schema {
            entities: named
                .into_iter()
                .map(|named| (named.name, named.entity))
                .collect(),
        })
    }

    /// The names of the commands, sorted.
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
