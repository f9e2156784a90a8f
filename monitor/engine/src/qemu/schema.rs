// SPDX-License-Identifier: GPL-2.0-or-later
//! The QAPI schema of the connected QEMU (`query-qmp-schema`), as far as commands need it.

use std::collections::HashMap;

use serde_json::Value;

/// The schema, indexed by entity name (type names are QEMU's masked numbers).
#[derive(Clone, Debug, Default)]
pub struct Schema {
    entities: HashMap<String, Value>,
}

impl Schema {
    /// Reads the `return` member of `query-qmp-schema`; entries that are not objects with a name
    /// are passed over.
    #[must_use]
    pub fn new(schema: Value) -> Self {
        let mut entities = HashMap::new();
        if let Value::Array(entries) = schema {
            for entry in entries {
                if let Some(name) = entry.get("name").and_then(Value::as_str) {
                    entities.insert(name.to_owned(), entry);
                }
            }
        }
        Self { entities }
    }

    /// The entity of that name.
    #[must_use]
    pub fn entity(&self, name: &str) -> Option<&Value> {
        self.entities.get(name)
    }

    /// The argument type of a command.
    #[must_use]
    pub fn arguments(&self, command: &str) -> Option<&Value> {
        let arg = self.entity(command)?.get("arg-type")?.as_str()?;
        self.entity(arg)
    }

    /// The type of member `name` of an object type, looked up by the member's `type`.
    #[must_use]
    pub fn member(&self, object: &Value, name: &str) -> Option<&Value> {
        let members = object.get("members")?.as_array()?;
        let member = members
            .iter()
            .find(|m| m.get("name").and_then(Value::as_str) == Some(name))?;
        self.entity(member.get("type")?.as_str()?)
    }

    /// The type of a command's argument.
    #[must_use]
    pub fn argument(&self, command: &str, name: &str) -> Option<&Value> {
        self.member(self.arguments(command)?, name)
    }

    /// The values of an enumeration type, in QAPI order (schemas since 6.2 carry `members`, all
    /// carry `values`).
    #[must_use]
    pub fn values(entity: &Value) -> Vec<&str> {
        if let Some(values) = entity.get("values").and_then(Value::as_array) {
            return values.iter().filter_map(Value::as_str).collect();
        }
        let Some(members) = entity.get("members").and_then(Value::as_array) else {
            return Vec::new();
        };
        members
            .iter()
            .filter_map(|m| m.get("name").and_then(Value::as_str))
            .collect()
    }

    /// The values of the enumeration that a command's argument takes, also where it takes a list of
    /// them.
    #[must_use]
    pub fn enum_values(&self, command: &str, argument: &str) -> Vec<String> {
        let Some(mut entity) = self.argument(command, argument) else {
            return Vec::new();
        };
        if let Some(element) = self.element(entity) {
            entity = element;
        }
        Self::values(entity)
            .into_iter()
            .map(str::to_owned)
            .collect()
    }

    /// The names of a command's arguments.
    #[must_use]
    pub fn argument_names(&self, command: &str) -> Vec<String> {
        let members = self
            .arguments(command)
            .and_then(|a| a.get("members"))
            .and_then(Value::as_array);
        members
            .into_iter()
            .flatten()
            .filter_map(|m| Some(m.get("name")?.as_str()?.to_owned()))
            .collect()
    }

    /// The names of keys (QKeyCode): the enumeration that branch `qcode` of send-key's `keys`
    /// carries.
    #[must_use]
    pub fn key_codes(&self) -> Vec<String> {
        let codes = || {
            let key = self.element(self.argument("send-key", "keys")?)?;
            let variants = key.get("variants")?.as_array()?;
            let branch = variants
                .iter()
                .find(|v| v.get("case").and_then(Value::as_str) == Some("qcode"))?;
            let wrapper = self.entity(branch.get("type")?.as_str()?)?;
            Some(Self::values(self.member(wrapper, "data")?))
        };
        codes()
            .unwrap_or_default()
            .into_iter()
            .map(str::to_owned)
            .collect()
    }

    /// The names of events, sorted.
    #[must_use]
    pub fn events(&self) -> Vec<String> {
        let events = self
            .entities
            .iter()
            .filter(|(_, entity)| entity.get("meta-type").and_then(Value::as_str) == Some("event"));
        let mut names: Vec<String> = events.map(|(name, _)| name.clone()).collect();
        names.sort();
        names
    }

    /// The element type of an array type.
    #[must_use]
    pub fn element(&self, array: &Value) -> Option<&Value> {
        self.entity(array.get("element-type")?.as_str()?)
    }
}
