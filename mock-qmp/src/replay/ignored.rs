// SPDX-License-Identifier: GPL-2.0-or-later
//! Members of requests that clients choose anew each time, besides those that have a role.

use std::str::FromStr;

use super::key::role_key;
use super::lines::named;
use super::relations::RELATIONS;
use crate::core::Difference;
use crate::json::{Object, Value};
use crate::schema::BUILTIN;

/// A member whose value does not matter: the client's takes the recorded one's place in later
/// answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoredMember {
    /// The command; `None` for all.
    command: Option<String>,
    /// The members on the way to it.
    path: Vec<String>,
}

/// Text that names no member.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not COMMAND.MEMBER, nor *.MEMBER")]
pub struct IgnoredError(String);

impl FromStr for IgnoredMember {
    type Err = IgnoredError;

    /// Reads `COMMAND.MEMBER`, `COMMAND.MEMBER.MEMBER` and so on, or `*.MEMBER`.
    fn from_str(text: &str) -> Result<Self, IgnoredError> {
        let mut parts = text.split('.').map(str::to_owned);
        let command = parts.next().unwrap_or_default();
        let path: Vec<String> = parts.collect();
        if command.is_empty() || path.is_empty() || path.iter().any(String::is_empty) {
            return Err(IgnoredError(text.to_owned()));
        }
        Ok(Self {
            command: (command != "*").then_some(command),
            path,
        })
    }
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Ignored {
    members: Vec<IgnoredMember>,
}

impl Ignored {
    pub(super) fn add(&mut self, member: IgnoredMember) {
        self.members.push(member);
    }

    /// What two requests have in common that are the same.
    pub(super) fn key(&self, command: &str, arguments: &Object) -> String {
        let concerned = |member: &&IgnoredMember| {
            let command_of = member.command.as_deref();
            command_of.is_none_or(|of| of == command)
        };
        let members: Vec<_> = self.members.iter().filter(concerned).collect();
        // Without it, the built-in monitor takes CPU 0 (`qmp_human_monitor_command`).
        let names_first = command == BUILTIN && arguments.get("cpu-index") == Some(&Value::Int(0));
        let is_line = command == BUILTIN && !self.members.is_empty();
        if members.is_empty() && !names_first && !is_line {
            return role_key(command, arguments);
        }
        let mut arguments = arguments.clone();
        if names_first {
            arguments.shift_remove("cpu-index");
        }
        for member in members {
            blank(&mut arguments, &member.path);
        }
        if command == BUILTIN {
            self.blank_line(&mut arguments);
        }
        role_key(command, &arguments)
    }
}

impl Ignored {
    /// Leaves out the name in a line of the built-in monitor where that of the command does not
    /// matter.
    fn blank_line(&self, arguments: &mut Object) {
        let Some(Value::String(line)) = arguments.get_mut("command-line") else {
            return;
        };
        let Some((command, name)) = named(line) else {
            return;
        };
        let of_command = |member: &IgnoredMember| member.command.as_deref() == Some(command);
        let is_name = |member: &IgnoredMember| names_thing(command, &member.path);
        let mut members = self.members.iter();
        if members.any(|member| of_command(member) && is_name(member)) {
            line.replace_range(name, "*");
        }
    }

    /// Whether a difference is one that makes two requests different.
    pub(super) fn matters(&self, command: &str, difference: &Difference) -> bool {
        let (Some(sent), Some(recorded)) = (&difference.sent, &difference.recorded) else {
            return true;
        };
        let key = |text: &str| {
            let value = serde_json::from_str::<serde_json::Value>(text).unwrap_or_default();
            let mut arguments = Object::new();
            let mut inside = &mut arguments;
            let mut names: Vec<&str> = difference.member.split('.').collect();
            let last = names.pop().unwrap_or_default();
            for name in names {
                let new = Value::Object(Object::new());
                inside = match inside.entry(name.to_owned()).or_insert(new) {
                    Value::Object(members) => members,
                    _ => return String::new(),
                };
            }
            inside.insert(last.to_owned(), value.into());
            self.key(command, &arguments)
        };
        key(sent) != key(recorded)
    }
}

/// Whether a member of a command names what it adds.
fn names_thing(command: &str, path: &[String]) -> bool {
    let mut rows = RELATIONS.iter().flat_map(|relation| relation.add);
    rows.any(|(add, member)| *add == command && path.iter().eq([member]))
}

fn blank(members: &mut Object, path: &[String]) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    match members.get_mut(first) {
        Some(value) if rest.is_empty() => *value = Value::Null,
        Some(Value::Object(inner)) => blank(inner, rest),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key_of(ignored: &Ignored, command: &str, arguments: serde_json::Value) -> String {
        let Value::Object(arguments) = Value::from(arguments) else {
            panic!()
        };
        ignored.key(command, &arguments)
    }

    #[test]
    fn what_is_ignored_makes_no_difference() {
        let mut ignored = Ignored::default();
        for text in ["blockdev-add.node-name", "*.opts.mac"] {
            ignored.add(text.parse().unwrap());
        }
        let key = |command: &str, arguments| key_of(&ignored, command, arguments);
        let node = |name: &str| json!({"node-name": name, "driver": "null-co"});
        assert_eq!(
            key("blockdev-add", node("a")),
            key("blockdev-add", node("b"))
        );
        assert_ne!(
            key("blockdev-del", node("a")),
            key("blockdev-del", node("b"))
        );
        let nic = |mac: &str| json!({"opts": {"mac": mac}});
        assert_eq!(key("x", nic("1")), key("x", nic("2")));
        let line = |cpu: serde_json::Value| {
            let mut arguments = json!({"command-line": "stop"});
            if !cpu.is_null() {
                arguments["cpu-index"] = cpu;
            }
            key(BUILTIN, arguments)
        };
        assert_eq!(line(json!(0)), line(json!(null)));
        assert_ne!(line(json!(1)), line(json!(null)));
        ignored.add("device_add.id".parse().unwrap());
        let line = |line: &str| key_of(&ignored, BUILTIN, json!({"command-line": line}));
        assert_eq!(line("device_add x,id=a"), line("device_add x,id=b"));
        assert_ne!(line("device_add x,id=a"), line("device_add y,id=a"));
        assert_ne!(line("device_del a"), line("device_del b"));
        for text in ["", "blockdev-add", "blockdev-add.", ".x", "a..b"] {
            assert!(text.parse::<IgnoredMember>().is_err(), "{text}");
        }
    }
}
