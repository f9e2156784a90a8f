// SPDX-License-Identifier: GPL-2.0-or-later
//! When two requests are the same: the command, the arguments, and the roles of what differs each
//! time.

use crate::json::{Object, Style, Value, write_value};

/// Folders for temporary files: what lies there has a new name each time.
const TEMPORARY: &[&str] = &["/tmp/", "/var/tmp/", "/dev/shm/", "/run/", "/var/run/"];

/// Files that stand for a passed descriptor.
const DESCRIPTOR_FILES: &[&str] = &["/proc/self/fd/", "/dev/fd/", "/dev/fdset/"];

/// The request as text in which arguments have a fixed order, and descriptor numbers, job ids
/// and temporary paths are replaced by their role.
pub(crate) fn role_key(command: &str, arguments: &Object) -> String {
    let mut out = command.as_bytes().to_vec();
    out.push(b' ');
    write_key(&mut out, &Value::Object(arguments.clone()), None);
    String::from_utf8_lossy(&out).into_owned()
}

fn write_key(out: &mut Vec<u8>, value: &Value, name: Option<&str>) {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(key, _)| *key);
            out.push(b'{');
            for (key, value) in sorted {
                write_value(out, &Value::String(key.clone()), Style::Compact);
                out.push(b':');
                write_key(out, value, Some(key));
                out.push(b',');
            }
            out.push(b'}');
        }
        Value::Array(elements) => {
            out.push(b'[');
            for element in elements {
                write_key(out, element, name);
                out.push(b',');
            }
            out.push(b']');
        }
        Value::String(text) => match role(name, text) {
            Some(role) => out.extend_from_slice(role.as_bytes()),
            None => write_value(out, value, Style::Compact),
        },
        _ => write_value(out, value, Style::Compact),
    }
}

/// The role of a string that differs from run to run, as text that no JSON string looks like.
fn role(name: Option<&str>, text: &str) -> Option<String> {
    if name == Some("job-id") {
        return Some("<job>".to_owned());
    }
    if DESCRIPTOR_FILES
        .iter()
        .any(|folder| text.starts_with(folder))
    {
        return Some("<descriptor>".to_owned());
    }
    if text.starts_with("fd:") {
        return Some("<fd:descriptor>".to_owned());
    }
    without_temporary(text).map(|text| format!("<path>{text}"))
}

/// The text with each temporary path replaced by its folder, if there is one in it.
fn without_temporary(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    let mut found = false;
    while let Some((start, folder)) = first_temporary(rest) {
        found = true;
        let (front, path) = rest.split_at(start);
        out.push_str(front);
        out.push_str(folder);
        let end = path.find([' ', '"', '\'', ',', ';']).unwrap_or(path.len());
        rest = &path[end..];
    }
    out.push_str(rest);
    found.then_some(out)
}

/// Where the first temporary path starts: at the text's start or after something that is not part of
/// a path.
fn first_temporary(text: &str) -> Option<(usize, &'static str)> {
    let places = TEMPORARY
        .iter()
        .flat_map(|folder| text.match_indices(folder).map(|(at, _)| (at, *folder)));
    let starts = places.filter(|(at, _)| {
        let before = text[..*at].chars().next_back();
        before.is_none_or(|before| !before.is_alphanumeric() && !"/._-".contains(before))
    });
    starts.min_by_key(|(at, _)| *at)
}

/// Pairs of strings that differ though their role is the same: (recorded, sent).
pub(crate) fn aliases(recorded: &Object, sent: &Object) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (key, value) in recorded {
        match (key.as_str(), value, sent.get(key)) {
            ("command-line", Value::String(line), Some(Value::String(other))) => {
                pairs.extend(in_lines(line, other));
            }
            (_, value, Some(other)) => collect(value, other, &mut pairs),
            _ => {}
        }
    }
    pairs
}

/// Pairs of words that differ between two lines of the built-in monitor.
fn in_lines(recorded: &str, sent: &str) -> Vec<(String, String)> {
    let words = |line: &str| -> Vec<String> {
        let words = line.split([' ', ',', '=']);
        words.map(str::to_owned).collect()
    };
    let (recorded, sent) = (words(recorded), words(sent));
    if recorded.len() != sent.len() {
        return Vec::new();
    }
    let pairs = recorded.into_iter().zip(sent);
    pairs.filter(|(recorded, sent)| recorded != sent).collect()
}

fn collect(recorded: &Value, sent: &Value, pairs: &mut Vec<(String, String)>) {
    match (recorded, sent) {
        (Value::String(recorded), Value::String(sent)) if recorded != sent => {
            pairs.push((recorded.clone(), sent.clone()));
        }
        (Value::Array(recorded), Value::Array(sent)) => {
            recorded
                .iter()
                .zip(sent)
                .for_each(|(recorded, sent)| collect(recorded, sent, pairs));
        }
        (Value::Object(recorded), Value::Object(sent)) => pairs.extend(aliases(recorded, sent)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn key(arguments: serde_json::Value) -> String {
        let Value::Object(arguments) = Value::from(arguments) else {
            panic!()
        };
        role_key("c", &arguments)
    }

    #[rstest]
    #[case(json!({"a": 1, "b": "x"}), json!({"b": "x", "a": 1}), true)]
    #[case(json!({"a": 1}), json!({"a": 1.0}), true)]
    #[case(json!({"a": 1}), json!({"a": "1"}), false)]
    #[case(json!({"filename": "/proc/self/fd/12"}), json!({"filename": "/proc/self/fd/9"}), true)]
    #[case(json!({"job-id": "a"}), json!({"job-id": "b"}), true)]
    #[case(json!({"id": "a"}), json!({"id": "b"}), false)]
    #[case(json!({"filename": "/tmp/a/x.ppm"}), json!({"filename": "/tmp/b.ppm"}), true)]
    #[case(json!({"filename": "/tmp/a"}), json!({"filename": "/home/a"}), false)]
    #[case(json!({"filename": "/srv/tmp/a"}), json!({"filename": "/srv/tmp/b"}), false)]
    #[case(json!({"uri": "file:/tmp/a,x"}), json!({"uri": "file:/tmp/b,x"}), true)]
    #[case(json!({"uri": "file:/tmp/a,x"}), json!({"uri": "file:/tmp/b,y"}), false)]
    #[case(json!({"protocol": "fd:a"}), json!({"protocol": "fd:b"}), true)]
    fn sameness(
        #[case] one: serde_json::Value,
        #[case] other: serde_json::Value,
        #[case] same: bool,
    ) {
        assert_eq!(key(one) == key(other), same);
    }

    #[test]
    fn roles_do_not_collide_with_text() {
        assert_ne!(key(json!({"job-id": "x"})), key(json!({"id": "<job>"})));
    }

    #[test]
    fn words_of_lines_differ() {
        let line = |line: &str| match Value::from(json!({"command-line": line})) {
            Value::Object(arguments) => arguments,
            _ => Object::new(),
        };
        let pair = ("k".to_owned(), "z".to_owned());
        let recorded = line("device_add usb-kbd,id=k");
        assert_eq!(aliases(&recorded, &line("device_add usb-kbd,id=z")), [pair]);
        assert_eq!(aliases(&recorded, &line("device_add usb-kbd")), []);
    }

    #[test]
    fn what_differs_is_listed() {
        let recorded = Value::from(json!({"job-id": "j1", "x": [{"f": "/tmp/a"}], "same": "s"}));
        let sent = Value::from(json!({"job-id": "j2", "x": [{"f": "/tmp/b"}], "same": "s"}));
        let pairs = aliases(recorded.as_object().unwrap(), sent.as_object().unwrap());
        let expected =
            [("j1", "j2"), ("/tmp/a", "/tmp/b")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(pairs, expected);
    }
}
