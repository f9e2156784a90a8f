// SPDX-License-Identifier: GPL-2.0-or-later
//! Arguments checked against the schema, in QEMU's order and words (`qobject-input-visitor.c`).

use super::facts::{IntKind, UNCHECKED, alternate_name, int_kind};
use super::failure::Failure;
use super::hash;
use super::introspect::{Entity, Member, Schema, Variant};
use crate::json::{Object, Value};
use crate::release::Release;

/// Deeper than any schema nests; protects against one that refers to itself without taking
/// anything.
const DEEPEST: usize = 2000;

struct Checker<'a> {
    schema: &'a Schema,
    command: &'a str,
    release: Release,
    /// The path to the value at hand, outermost first.
    path: Vec<Step<'a>>,
    /// The value that chose the variant whose members are being checked.
    variant: Option<&'a str>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Member(&'a str),
    Index(usize),
}

impl Schema {
    /// Checks a command's arguments. A command that the schema does not know passes, as does one
    /// that it does not describe completely.
    pub fn check(
        &self,
        command: &str,
        arguments: &Object,
        release: Release,
    ) -> Result<(), Failure> {
        let Some(Entity::Command { arg_type, .. }) = self.entities.get(command) else {
            return Ok(());
        };
        if UNCHECKED.contains(&command) {
            return driver(arguments);
        }
        let mut checker = Checker {
            schema: self,
            command,
            release,
            path: Vec::new(),
            variant: None,
        };
        checker.object(arg_type, arguments)
    }
}

/// What device_add asks for itself.
fn driver(arguments: &Object) -> Result<(), Failure> {
    match arguments.get("driver") {
        Some(Value::String(_)) => Ok(()),
        _ => Err(Failure::generic("Parameter 'driver' is missing")),
    }
}

impl<'a> Checker<'a> {
    /// The value's full name as QEMU builds it: `keys[0].data`.
    fn name(&self) -> String {
        let mut name = String::new();
        for step in &self.path {
            match step {
                Step::Member(member) if name.is_empty() => name.push_str(member),
                Step::Member(member) => {
                    name.push('.');
                    name.push_str(member);
                }
                Step::Index(index) => {
                    name.push('[');
                    name.push_str(&index.to_string());
                    name.push(']');
                }
            }
        }
        name
    }

    /// The last part of the name; elements of arrays have none, which C prints so.
    fn last_name(&self) -> &'a str {
        match self.path.last() {
            Some(Step::Member(member)) => member,
            _ => "null",
        }
    }

    /// The name that decides an integer's kind: the member's, or the array's whose element it is.
    fn member_name(&self) -> &'a str {
        let members = self.path.iter().rev().find_map(|step| match step {
            Step::Member(member) => Some(*member),
            Step::Index(_) => None,
        });
        members.unwrap_or_default()
    }

    fn wrong_type(&self, expected: &str) -> Failure {
        Failure::generic(format!(
            "Invalid parameter type for '{}', expected: {expected}",
            self.name()
        ))
    }

    fn value(&mut self, kind: &'a str, value: &'a Value) -> Result<(), Failure> {
        if self.path.len() > DEEPEST {
            return Ok(());
        }
        match self.schema.entities.get(kind) {
            Some(Entity::Object { .. }) => match value {
                Value::Object(members) => self.object(kind, members),
                _ => Err(self.wrong_type("object")),
            },
            Some(Entity::Array { element_type }) => {
                let Value::Array(elements) = value else {
                    return Err(self.wrong_type("array"));
                };
                for (index, element) in elements.iter().enumerate() {
                    self.path.push(Step::Index(index));
                    self.value(element_type, element)?;
                    self.path.pop();
                }
                Ok(())
            }
            Some(Entity::Enum { members, values }) => {
                let Value::String(text) = value else {
                    return Err(self.wrong_type("string"));
                };
                let known =
                    members.iter().any(|member| member.name == *text) || values.contains(text);
                if known {
                    Ok(())
                } else {
                    Err(self.unknown_value(text))
                }
            }
            Some(Entity::Alternate { members }) => {
                let fitting = members.iter().find(|member| self.fits(&member.kind, value));
                match fitting {
                    Some(member) => self.value(&member.kind, value),
                    None => {
                        let expected = alternate_name(self.member_name());
                        let name = self.last_name();
                        Err(Failure::generic(format!(
                            "Invalid parameter type for '{name}', expected: {expected}"
                        )))
                    }
                }
            }
            Some(Entity::Builtin { json_type }) => self.builtin(json_type, value),
            // A schema that refers to nothing: nothing can be checked.
            Some(Entity::Command { .. } | Entity::Other) | None => Ok(()),
        }
    }

    fn unknown_value(&self, text: &str) -> Failure {
        Failure::generic(format!(
            "Parameter '{}' does not accept value '{text}'",
            self.last_name()
        ))
    }

    /// Whether a value has the JSON type of a type, which is how an alternate is chosen.
    fn fits(&self, kind: &str, value: &Value) -> bool {
        match self.schema.entities.get(kind) {
            Some(Entity::Object { .. }) => matches!(value, Value::Object(_)),
            Some(Entity::Array { .. }) => matches!(value, Value::Array(_)),
            Some(Entity::Enum { .. }) => matches!(value, Value::String(_)),
            Some(Entity::Builtin { json_type }) => match json_type.as_str() {
                "string" => matches!(value, Value::String(_)),
                "int" | "number" => {
                    matches!(value, Value::Int(_) | Value::UInt(_) | Value::Double(_))
                }
                "boolean" => matches!(value, Value::Bool(_)),
                "null" => matches!(value, Value::Null),
                _ => true,
            },
            _ => false,
        }
    }

    fn builtin(&self, json_type: &str, value: &Value) -> Result<(), Failure> {
        match (json_type, value) {
            ("string", Value::String(_)) | ("boolean", Value::Bool(_)) | ("null", Value::Null) => {
                Ok(())
            }
            ("number", Value::Int(_) | Value::UInt(_) | Value::Double(_)) => Ok(()),
            ("string" | "boolean" | "null" | "number", _) => Err(self.wrong_type(json_type)),
            ("int", _) => self.integer(value),
            _ => Ok(()),
        }
    }

    fn integer(&self, value: &Value) -> Result<(), Failure> {
        let out_of = |range: &str| {
            Err(Failure::generic(format!(
                "Parameter '{}' expects {range}",
                self.last_name()
            )))
        };
        match int_kind(self.command, self.variant, self.member_name(), self.release) {
            IntKind::Signed => match value {
                Value::Int(_) => Ok(()),
                _ => Err(self.wrong_type("integer")),
            },
            IntKind::Between(low, high, range) => match value {
                Value::Int(number) if (low..=high).contains(number) => Ok(()),
                Value::Int(_) => out_of(range),
                _ => Err(self.wrong_type("integer")),
            },
            IntKind::Unsigned | IntKind::UpTo(..)
                if !matches!(value, Value::Int(_) | Value::UInt(_)) =>
            {
                Err(Failure::generic(format!(
                    "Parameter '{}' expects uint64",
                    self.name()
                )))
            }
            IntKind::UpTo(limit, range) => match value {
                // A negative number is taken as the large one with the same bits.
                Value::Int(number)
                    if u64::try_from(*number).is_ok_and(|number| number <= limit) =>
                {
                    Ok(())
                }
                _ => out_of(range),
            },
            IntKind::Unsigned => Ok(()),
        }
    }

    fn object(&mut self, kind: &'a str, members: &'a Object) -> Result<(), Failure> {
        let mut expected = Vec::new();
        self.members(kind, members, &mut expected)?;
        let left: Vec<&str> = members
            .keys()
            .map(String::as_str)
            .filter(|key| !expected.contains(key))
            .collect();
        let inserted: Vec<&str> = members.keys().map(String::as_str).collect();
        if let Some(key) = hash::first(&inserted, &left) {
            self.path.push(Step::Member(key));
            return Err(Failure::generic(format!(
                "Parameter '{}' is unexpected",
                self.name()
            )));
        }
        Ok(())
    }

    /// Checks the members that the type has, in its order, and notes their names.
    fn members(
        &mut self,
        kind: &'a str,
        given: &'a Object,
        expected: &mut Vec<&'a str>,
    ) -> Result<(), Failure> {
        let Some(Entity::Object {
            members,
            tag,
            variants,
        }) = self.schema.entities.get(kind)
        else {
            return Ok(());
        };
        for member in members {
            self.member(member, given)?;
            expected.push(&member.name);
        }
        let Some(tag) = tag else { return Ok(()) };
        let Some(case) = given.get(tag).and_then(Value::as_str) else {
            return Ok(());
        };
        let Some(Variant { kind, .. }) = variants.iter().find(|variant| variant.case == case)
        else {
            return Ok(());
        };
        let outer = self.variant.replace(case);
        self.members(kind, given, expected)?;
        self.variant = outer;
        Ok(())
    }

    fn member(&mut self, member: &'a Member, given: &'a Object) -> Result<(), Failure> {
        self.path.push(Step::Member(&member.name));
        match given.get(&member.name) {
            Some(value) => self.value(&member.kind, value)?,
            None if member.default => {}
            None => {
                return Err(Failure::generic(format!(
                    "Parameter '{}' is missing",
                    self.name()
                )));
            }
        }
        self.path.pop();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    const SCHEMA: &str = r#"[
        {"name":"send-key","ret-type":"0","meta-type":"command","arg-type":"1"},
        {"name":"1","meta-type":"object","members":[{"name":"keys","type":"[2]"},{"name":"hold-time","default":null,"type":"int"}]},
        {"name":"[2]","meta-type":"array","element-type":"2"},
        {"name":"2","meta-type":"object","members":[{"name":"type","type":"3"}],"tag":"type","variants":[{"case":"number","type":"4"},{"case":"qcode","type":"5"}]},
        {"name":"3","meta-type":"enum","members":[{"name":"number"},{"name":"qcode"}]},
        {"name":"4","meta-type":"object","members":[{"name":"data","type":"int"}]},
        {"name":"5","meta-type":"object","members":[{"name":"data","type":"6"}]},
        {"name":"6","meta-type":"enum","members":[{"name":"a"}]},
        {"name":"blockdev-add","ret-type":"0","meta-type":"command","arg-type":"7"},
        {"name":"7","meta-type":"object","members":[{"name":"driver","type":"str"},{"name":"file","default":null,"type":"8"},{"name":"detect","default":null,"type":"bool"}]},
        {"name":"8","meta-type":"alternate","members":[{"type":"str"},{"type":"7"}]},
        {"name":"pmemsave","ret-type":"0","meta-type":"command","arg-type":"9"},
        {"name":"9","meta-type":"object","members":[{"name":"size","type":"int"},{"name":"vectors","default":null,"type":"int"},{"name":"hubid","default":null,"type":"int"}]},
        {"name":"device_add","ret-type":"0","meta-type":"command","arg-type":"10"},
        {"name":"10","meta-type":"object","members":[{"name":"driver","type":"str"}]},
        {"name":"str","json-type":"string","meta-type":"builtin"},
        {"name":"bool","json-type":"boolean","meta-type":"builtin"},
        {"name":"int","json-type":"int","meta-type":"builtin"}]"#;

    #[rstest]
    #[case("send-key", json!({"keys": [{"type": "qcode", "data": "a"}]}), "")]
    #[case("send-key", json!({"key": []}), "Parameter 'keys' is missing")]
    #[case("send-key", json!({"keys": [1]}), "Invalid parameter type for 'keys[0]', expected: object")]
    #[case("send-key", json!({"keys": [{}]}), "Parameter 'keys[0].type' is missing")]
    #[case("send-key", json!({"keys": [{"type": "x"}]}), "Parameter 'type' does not accept value 'x'")]
    #[case("send-key", json!({"keys": [{"type": "qcode", "data": "b"}]}), "Parameter 'data' does not accept value 'b'")]
    #[case("send-key", json!({"keys": [{"type": "number", "data": "b"}]}), "Invalid parameter type for 'keys[0].data', expected: integer")]
    #[case("send-key", json!({"keys": [{"type": "qcode", "data": "a", "x": 1}]}), "Parameter 'keys[0].x' is unexpected")]
    #[case("send-key", json!({"keys": [], "hold-time": 1.5}), "Invalid parameter type for 'hold-time', expected: integer")]
    #[case("blockdev-add", json!({"driver": "raw", "file": {"driver": "x", "file": 1}}), "Invalid parameter type for 'file', expected: BlockdevRef")]
    #[case("blockdev-add", json!({"driver": "raw", "file": {"driver": "x", "detect": 1}}), "Invalid parameter type for 'file.detect', expected: boolean")]
    #[case("pmemsave", json!({"size": "1"}), "Parameter 'size' expects uint64")]
    #[case("pmemsave", json!({"size": -1, "vectors": 4294967296_u64}), "Parameter 'vectors' expects uint32_t")]
    #[case("pmemsave", json!({"size": 1, "vectors": -1}), "Parameter 'vectors' expects uint32_t")]
    #[case("pmemsave", json!({"size": u64::MAX, "hubid": 2147483648_u64}), "Parameter 'hubid' expects int32_t")]
    #[case("device_add", json!({"driver": "x", "foo": 1}), "")]
    #[case("device_add", json!({"foo": 1}), "Parameter 'driver' is missing")]
    #[case("nothing", json!({"foo": 1}), "")]
    fn refused_in_qemus_words(
        #[case] command: &str,
        #[case] arguments: serde_json::Value,
        #[case] text: &str,
    ) {
        let schema = Schema::parse(SCHEMA).unwrap();
        let arguments = Value::from(arguments);
        let result = schema.check(command, arguments.as_object().unwrap(), (10, 0));
        assert_eq!(
            result.map_err(|failure| failure.desc),
            if text.is_empty() {
                Ok(())
            } else {
                Err(text.to_owned())
            }
        );
    }
}
