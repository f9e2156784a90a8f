//! The QAPI schema of the connected QEMU (`query-qmp-schema`), as far as commands need it.

use std::collections::HashMap;

use serde_json::Value;

/// The schema, indexed by entity name (type names are QEMU's masked numbers).
#[derive(Clone, Debug, Default)]
pub struct Schema {
    entities: HashMap<String, Value>,
}

impl Schema {
    /// Reads the `return` member of `query-qmp-schema`; entries that are not objects with a name are passed over.
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

    /// The values of an enumeration type, in QAPI order (schemas since 6.2 carry `members`, all carry `values`).
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

    /// The element type of an array type.
    #[must_use]
    pub fn element(&self, array: &Value) -> Option<&Value> {
        self.entity(array.get("element-type")?.as_str()?)
    }
}
