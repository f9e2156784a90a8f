// SPDX-License-Identifier: GPL-2.0-or-later
//! Option strings to the typed JSON that QMP wants, by the schema of the connected QEMU.
//!
//! [`keyval::nest`] and [`keyval::parse`] turn `a=b,c.d=e` into a [`Tree`] of texts;
//! [`Typing`] walks the tree beside a type of the schema, as QEMU's own visitors do, and words
//! errors as they do.

use serde_json::{Map, Number, Value};

use crate::grammar::keyval::{self};
use crate::grammar::number;
use crate::grammar::size::{self, Rules};
use crate::grammar::tree::{Members, Tree, find};
use crate::qemu::schema::Schema;
use crate::qmp::version::Version;

/// Whose words errors take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `object_add` and newer options (qapi/qobject-input-visitor.c).
    Keyval,
    /// `netdev_add` and other option lists (qapi/opts-visitor.c).
    Options,
}

/// Types texts by a schema.
#[derive(Clone, Copy)]
pub struct Typing<'a> {
    /// The schema of the connected QEMU.
    pub schema: &'a Schema,
    /// Its version, which decides how numbers are read.
    pub version: Version,
    /// Whose words errors take.
    pub dialect: Dialect,
    /// Whether a member of that name is a size. The schema does not tell sizes from other numbers,
    /// so that texts with a suffix are taken for every number; this decides what a wrong one is
    /// told.
    pub is_size: fn(&str) -> bool,
    /// Whether a number in an option list may have a size's suffix although it is not known to be a
    /// size.
    pub suffixes: bool,
}

impl<'a> Typing<'a> {
    /// Types the arguments of a QMP command.
    pub fn arguments(
        &self,
        command: &str,
        members: &Members,
    ) -> Result<Map<String, Value>, String> {
        match self.schema.arguments(command) {
            Some(kind) => self.members(kind, members, ""),
            None => Err(format!("QEMU has no command {command} with arguments")),
        }
    }

    /// Types the members of an object type; `path` is what leads to it, with a dot behind it.
    pub fn members(
        &self,
        kind: &'a Value,
        members: &Members,
        path: &str,
    ) -> Result<Map<String, Value>, String> {
        let mut typed = Map::new();
        let mut fields = Vec::new();
        self.object(kind, members, path, &mut fields, &mut typed)?;
        for (name, _) in members {
            if !fields.contains(&name.as_str()) {
                let full = format!("{path}{name}");
                return Err(match self.dialect {
                    Dialect::Options => format!("Invalid parameter '{full}'"),
                    Dialect::Keyval => format!("Parameter '{full}' is unexpected"),
                });
            }
        }
        Ok(typed)
    }

    /// Visits an object's members in the schema's order, then those of the variant chosen; `fields`
    /// gets their names.
    fn object(
        &self,
        kind: &'a Value,
        members: &Members,
        path: &str,
        fields: &mut Vec<&'a str>,
        typed: &mut Map<String, Value>,
    ) -> Result<(), String> {
        for member in array(kind, "members") {
            let (Some(name), Some(entity)) = (text(member, "name"), self.entity(member)) else {
                continue;
            };
            fields.push(name);
            let full = format!("{path}{name}");
            match find(members, name) {
                Some(tree) => {
                    typed.insert(name.to_owned(), self.value(entity, tree, name, &full)?);
                }
                None if member.get("default").is_none() => {
                    return Err(format!("Parameter '{full}' is missing"));
                }
                None => {}
            }
        }
        let chosen = text(kind, "tag")
            .and_then(|tag| find(members, tag))
            .and_then(Tree::last_text);
        let variant =
            array(kind, "variants").find(|v| text(v, "case") == chosen && chosen.is_some());
        match variant.and_then(|v| self.entity(v)) {
            Some(inner) => self.object(inner, members, path, fields, typed),
            None => Ok(()),
        }
    }

    fn entity(&self, typed: &Value) -> Option<&'a Value> {
        self.schema.entity(text(typed, "type")?)
    }

    fn value(&self, kind: &'a Value, tree: &Tree, name: &str, full: &str) -> Result<Value, String> {
        let wrong = |expected: &str| {
            Err(format!(
                "Invalid parameter type for '{full}', expected: {expected}"
            ))
        };
        match (text(kind, "meta-type").unwrap_or_default(), tree) {
            ("builtin", Tree::Text(texts)) => {
                let last = texts.last().map(String::as_str).unwrap_or_default();
                self.builtin(
                    text(kind, "json-type").unwrap_or_default(),
                    last,
                    name,
                    full,
                )
            }
            ("builtin" | "enum", _) if tree.last_text().is_none() => {
                Err(format!("Parameters '{full}.*' are unexpected"))
            }
            ("enum", _) => {
                let last = tree.last_text().unwrap_or_default();
                if Schema::values(kind).contains(&last) {
                    Ok(last.into())
                } else {
                    Err(format!("Parameter '{name}' does not accept value '{last}'"))
                }
            }
            ("object", Tree::Members(members)) => self
                .members(kind, members, &format!("{full}."))
                .map(Value::Object),
            ("object", _) => wrong("object"),
            ("array", _) => self.array(kind, tree, name, full),
            ("alternate", _) => self.alternate(kind, tree, name, full),
            _ => Ok(tree.last_text().unwrap_or_default().into()),
        }
    }

    fn array(&self, kind: &'a Value, tree: &Tree, name: &str, full: &str) -> Result<Value, String> {
        let Some(element) = self.schema.element(kind) else {
            return Ok(Value::Array(Vec::new()));
        };
        let typed: Result<Vec<_>, _> = match (tree, self.dialect) {
            (Tree::List(trees), _) => trees
                .iter()
                .enumerate()
                .map(|(i, tree)| self.value(element, tree, name, &format!("{full}.{i}")))
                .collect(),
            // An option list repeats a key for each element; elements are texts in a struct of
            // their own.
            (Tree::Text(texts), Dialect::Options) => texts
                .iter()
                .map(|text| self.option_element(element, text, name, full))
                .collect(),
            _ => {
                let text = format!("Invalid parameter type for '{full}', expected: array");
                return Err(text);
            }
        };
        typed.map(Value::Array)
    }

    fn option_element(
        &self,
        element: &'a Value,
        text: &str,
        name: &str,
        full: &str,
    ) -> Result<Value, String> {
        let mut members = array(element, "members");
        let only = members.next().filter(|_| members.next().is_none());
        let only = only.and_then(|only| Some((self::text(only, "name")?, self.entity(only)?)));
        if let Some((inner, entity)) = only {
            let typed = self.value(entity, &Tree::text(text), name, full)?;
            return Ok(Value::Object(Map::from_iter([(inner.to_owned(), typed)])));
        }
        self.value(element, &Tree::text(text), name, full)
    }

    /// The branch of an alternate that fits a text, members or a list.
    fn alternate(
        &self,
        kind: &'a Value,
        tree: &Tree,
        name: &str,
        full: &str,
    ) -> Result<Value, String> {
        let branches: Vec<_> = array(kind, "members")
            .filter_map(|m| self.entity(m))
            .collect();
        let branch = |meta: &str| branches.iter().find(|b| text(b, "meta-type") == Some(meta));
        let string = branches.iter().find(|b| {
            text(b, "json-type") == Some("string") && text(b, "meta-type") == Some("builtin")
        });
        let fitting = match tree {
            Tree::Text(_) => string
                .or_else(|| branch("enum"))
                .or_else(|| branch("builtin")),
            Tree::Members(_) => branch("object"),
            Tree::List(_) => branch("array"),
        };
        match fitting {
            Some(entity) => self.value(entity, tree, name, full),
            None => Err(format!(
                "Invalid parameter type for '{full}', expected: alternate"
            )),
        }
    }

    fn builtin(&self, json: &str, text: &str, name: &str, full: &str) -> Result<Value, String> {
        let expects = |what: &str| Err(format!("Parameter '{full}' expects {what}"));
        match json {
            "int" => match self.number(text, name) {
                Some(number) => Ok(Value::Number(number)),
                None => expects(match (self.dialect, (self.is_size)(name)) {
                    (Dialect::Keyval, true) => "size",
                    (Dialect::Keyval, false) => "integer",
                    (Dialect::Options, true) => "a size value",
                    (Dialect::Options, false) => "an int64 value",
                }),
            },
            "number" => match number::strtod(text) {
                Some((value, len)) if len == text.len() && value.is_finite() => {
                    Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
                }
                _ => Err(format!(
                    "Invalid parameter type for '{full}', expected: number"
                )),
            },
            "boolean" => match keyval::boolean(text) {
                Some(on) => Ok(on.into()),
                None => expects("'on' or 'off'"),
            },
            "null" if text.is_empty() => Ok(Value::Null),
            "null" => Err(format!(
                "Invalid parameter type for '{full}', expected: null"
            )),
            _ => Ok(text.into()),
        }
    }

    /// A whole number, or a size.
    fn number(&self, text: &str, name: &str) -> Option<Number> {
        let whole = || match number::strtoi64(text, self.version) {
            Ok(number) => Some(number.into()),
            // A negative number would wrap.
            Err(_) if text.contains('-') => None,
            Err(_) => number::strtou64(text, self.version).ok().map(Into::into),
        };
        let rules = Rules::of(self.version);
        let size = || size::whole(text, size::BYTES, rules).ok().map(Number::from);
        match (self.dialect, (self.is_size)(name)) {
            (_, true) => size(),
            (Dialect::Options, false) if self.suffixes => whole().or_else(size),
            // All sizes are known.
            (_, false) => whole(),
        }
    }
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str)
}

fn array<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::qmp::version::v;

    /// The shape of object-add and netdev_add, cut down.
    fn schema() -> Schema {
        Schema::new(json!([
            {"name": "object-add", "meta-type": "command", "arg-type": "1"},
            {"name": "1", "meta-type": "object", "tag": "qom-type",
             "members": [{"name": "qom-type", "type": "2"}, {"name": "id", "type": "str"}],
             "variants": [{"case": "ram", "type": "3"}, {"case": "none", "type": "9"}]},
            {"name": "2", "meta-type": "enum", "values": ["ram", "none"]},
            {"name": "3", "meta-type": "object", "members": [
                {"name": "size", "type": "int"},
                {"name": "merge", "type": "bool", "default": null},
                {"name": "nodes", "type": "[int]", "default": null},
                {"name": "inner", "type": "4", "default": null},
                {"name": "ref", "type": "5", "default": null}]},
            {"name": "4", "meta-type": "object", "members": [{"name": "n", "type": "int", "default": null}]},
            {"name": "5", "meta-type": "alternate", "members": [{"type": "str"}, {"type": "4"}]},
            {"name": "9", "meta-type": "object", "members": []},
            {"name": "str", "meta-type": "builtin", "json-type": "string"},
            {"name": "int", "meta-type": "builtin", "json-type": "int"},
            {"name": "bool", "meta-type": "builtin", "json-type": "boolean"},
            {"name": "[int]", "meta-type": "array", "element-type": "int"},
            {"name": "netdev_add", "meta-type": "command", "arg-type": "6"},
            {"name": "6", "meta-type": "object",
             "members": [{"name": "id", "type": "str"}, {"name": "fwd", "type": "[7]", "default": null}]},
            {"name": "[7]", "meta-type": "array", "element-type": "7"},
            {"name": "7", "meta-type": "object", "members": [{"name": "str", "type": "str"}]},
        ]))
    }

    fn typed(command: &str, dialect: Dialect, members: &Members) -> Result<Value, String> {
        let schema = schema();
        let typing = Typing {
            schema: &schema,
            version: v(10, 0),
            dialect,
            is_size: |name| name == "size",
            suffixes: true,
        };
        typing.arguments(command, members).map(Value::Object)
    }

    fn keyval(text: &str) -> Result<Value, String> {
        let read = keyval::parse(text, Some("qom-type"))?;
        typed("object-add", Dialect::Keyval, &read.members)
    }

    #[test]
    fn texts_get_the_types_of_the_schema() {
        assert_eq!(
            keyval("ram,id=a,size=1M,merge=off,nodes.0=0x10,nodes.1=1,inner.n=-1,ref.n=2"),
            Ok(json!({
                "qom-type": "ram", "id": "a", "size": 1_048_576, "merge": false, "nodes": [16, 1],
                "inner": {"n": -1}, "ref": {"n": 2},
            }))
        );
        assert_eq!(
            keyval("ram,size=010,id=a,ref=b").map(|v| v["ref"].clone()),
            Ok(json!("b"))
        );
    }

    // The words of 10.0.2 for object_add with members of these kinds.
    #[rstest]
    #[case("foo", "Parameter 'qom-type' does not accept value 'foo'")]
    #[case("qom-type=ram", "Parameter 'id' is missing")]
    #[case("ram,id=a", "Parameter 'size' is missing")]
    #[case("ram,id=a,size=1x", "Parameter 'size' expects size")]
    #[case("ram,id=a,size.a=1", "Parameters 'size.*' are unexpected")]
    #[case(
        "ram,id=a,size=1,nodes=0",
        "Invalid parameter type for 'nodes', expected: array"
    )]
    #[case("ram,id=a,size=1,nodes.0=z", "Parameter 'nodes.0' expects integer")]
    #[case("ram,id=a,size=1,nodes.0=1k", "Parameter 'nodes.0' expects integer")]
    #[case("ram,id=a,size=1,merge=1", "Parameter 'merge' expects 'on' or 'off'")]
    #[case(
        "ram,id=a,size=1,inner=1",
        "Invalid parameter type for 'inner', expected: object"
    )]
    #[case("ram,id=a,size=1,inner.x=1", "Parameter 'inner.x' is unexpected")]
    #[case("ram,id=a,size=1,foo=z", "Parameter 'foo' is unexpected")]
    #[case("none,id=a,size=1", "Parameter 'size' is unexpected")]
    fn errors(#[case] text: &str, #[case] error: &str) {
        assert_eq!(keyval(text), Err(error.into()));
    }

    #[test]
    fn option_lists_repeat_keys_for_elements_and_count_the_last_elsewhere() {
        let members = keyval::nest(&keyval::pairs("id=a,fwd=x,id=b,fwd=y", None)).unwrap();
        assert_eq!(
            typed("netdev_add", Dialect::Options, &members),
            Ok(json!({"id": "b", "fwd": [{"str": "x"}, {"str": "y"}]}))
        );
        let members = keyval::nest(&keyval::pairs("id=a,x=1", None)).unwrap();
        assert_eq!(
            typed("netdev_add", Dialect::Options, &members),
            Err("Invalid parameter 'x'".into())
        );
    }

    #[test]
    fn depth_has_a_limit() {
        let key = vec!["a"; crate::grammar::tree::MAX_DEPTH + 1].join(".");
        assert!(keyval::nest(&keyval::pairs(&format!("{key}=1"), None)).is_err());
    }
}
