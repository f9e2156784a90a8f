// SPDX-License-Identifier: GPL-2.0-or-later
//! Secrets do not get into recordings.

use crate::json::{Object, Value};

/// What takes a secret's place.
pub const SCRUBBED: &str = "(scrubbed)";

/// Names of arguments that hold secrets, wherever they are.
const SECRET_MEMBERS: &[&str] = &["password", "passwd", "keysecret-data", "tls-psk"];

/// Takes secrets out of a request's arguments.
pub(crate) fn scrub_request(command: &str, arguments: &mut Object) {
    if command == "human-monitor-command"
        && let Some(Value::String(line)) = arguments.get_mut("command-line")
    {
        *line = scrub_line(line);
    }
    let secret_object = arguments
        .get("qom-type")
        .and_then(Value::as_str)
        .is_some_and(|kind| kind.starts_with("secret"));
    if command == "object-add" && secret_object {
        replace(arguments, "data");
        // Older QEMUs take the properties in an object of their own.
        if let Some(Value::Object(properties)) = arguments.get_mut("props") {
            replace(properties, "data");
        }
    }
    if command == "qom-set" && arguments.get("property").and_then(Value::as_str) == Some("data") {
        replace(arguments, "value");
    }
    for value in arguments.values_mut() {
        scrub_members(value);
    }
    for name in SECRET_MEMBERS {
        replace(arguments, name);
    }
}

fn scrub_members(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(scrub_members);
            SECRET_MEMBERS
                .iter()
                .for_each(|name| replace(members, name));
        }
        Value::Array(elements) => elements.iter_mut().for_each(scrub_members),
        _ => {}
    }
}

fn replace(members: &mut Object, name: &str) {
    if let Some(value @ Value::String(_)) = members.get_mut(name) {
        *value = Value::String(SCRUBBED.to_owned());
    }
}

/// Takes secrets out of a line of the built-in monitor.
#[must_use]
pub fn scrub_line(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        // set_password [ vnc | spice ] PASSWORD [-d display] [ action-if-connected ]
        ["set_password", _, _, ..] => replace_word(line, 2),
        ["change", device, "vnc", ..] if *device != "vnc" => line.to_owned(),
        ["change", "vnc", "password" | "passwd", _, ..] => replace_word(line, 3),
        ["object_add", ..] if line.contains("secret") => replace_options(line, &["data"]),
        [
            "chardev-add" | "chardev-change" | "drive_add" | "device_add" | "netdev_add"
            | "object_add",
            ..,
        ] => replace_options(line, SECRET_MEMBERS),
        ["qom-set", _, "data", _, ..] => replace_word(line, 3),
        _ => line.to_owned(),
    }
}

/// Takes secrets out of a word of QEMU's command line.
pub(crate) fn scrub_option(word: &str) -> String {
    let names: &[&str] = if word.starts_with("secret") {
        &["data"]
    } else {
        SECRET_MEMBERS
    };
    replace_options(word, names)
}

/// Replaces the word of this number (quoted, or up to the next blank).
fn replace_word(line: &str, number: usize) -> String {
    let mut rest = line;
    let mut start = 0;
    for _ in 0..=number {
        let skipped = rest.len() - rest.trim_start().len();
        start = line.len() - rest.len() + skipped;
        let word = &rest[skipped..];
        let end = match word.strip_prefix('"') {
            Some(inner) => inner.find('"').map_or(word.len(), |end| end + 2),
            None => word.find(char::is_whitespace).unwrap_or(word.len()),
        };
        rest = &word[end..];
    }
    format!("{}{SCRUBBED}{rest}", &line[..start])
}

/// Replaces the values of these options in `a=b,c=d` text; a doubled comma belongs to the value.
fn replace_options(line: &str, names: &[&str]) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((at, name)) = names
        .iter()
        .filter_map(|name| rest.find(&format!("{name}=")).map(|at| (at, *name)))
        .filter(|(at, _)| !rest[..*at].ends_with(|before: char| before.is_alphanumeric()))
        .min()
    {
        let value = at + name.len() + 1;
        out.push_str(&rest[..value]);
        out.push_str(SCRUBBED);
        rest = &rest[value..];
        let mut end = 0;
        let bytes = rest.as_bytes();
        while end < bytes.len() && !bytes[end].is_ascii_whitespace() {
            match (bytes[end], bytes.get(end + 1)) {
                (b',', Some(b',')) => end += 2,
                (b',', _) => break,
                _ => end += 1,
            }
        }
        rest = &rest[end..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("set_password vnc geheim keep", "set_password vnc (scrubbed) keep")]
    #[case(
        "set_password  spice \"a b\" -d x",
        "set_password  spice (scrubbed) -d x"
    )]
    #[case("change vnc password geheim", "change vnc password (scrubbed)")]
    #[case("change cd0 /tmp/x", "change cd0 /tmp/x")]
    #[case(
        "object_add secret,id=s,data=a,,b,format=raw",
        "object_add secret,id=s,data=(scrubbed),format=raw"
    )]
    #[case("device_add x,password=p", "device_add x,password=(scrubbed)")]
    #[case("info status", "info status")]
    fn lines(#[case] line: &str, #[case] scrubbed: &str) {
        assert_eq!(scrub_line(line), scrubbed);
    }

    #[rstest]
    #[case("set_password", json!({"protocol": "vnc", "password": "x"}))]
    #[case("change-vnc-password", json!({"password": "x"}))]
    #[case("object-add", json!({"qom-type": "secret", "id": "s", "data": "x"}))]
    #[case("object-add", json!({"qom-type": "secret", "id": "s", "props": {"data": "x"}}))]
    #[case("blockdev-add", json!({"driver": "ssh", "file": {"password": "x"}}))]
    #[case("qom-set", json!({"path": "/objects/s", "property": "data", "value": "x"}))]
    #[case("human-monitor-command", json!({"command-line": "set_password vnc x"}))]
    fn requests(#[case] command: &str, #[case] arguments: serde_json::Value) {
        let Value::Object(mut members) = Value::from(arguments) else {
            panic!()
        };
        scrub_request(command, &mut members);
        let text = serde_json::Value::from(&Value::Object(members)).to_string();
        assert!(text.contains(SCRUBBED) && !text.contains("\"x\""), "{text}");
    }
}
