// SPDX-License-Identifier: GPL-2.0-or-later
//! What a recording holds that comes close to a request it does not hold, and where they differ.

use crate::core::Difference;
use crate::json::{Object, Style, Value, write_value};
use crate::recording::{Entry, Recording};

/// How many are listed.
const LISTED: usize = 3;
/// Longest text of a request, in bytes.
const LONGEST: usize = 2000;
/// Longest text of a value that differs, in bytes.
const LONGEST_VALUE: usize = 300;
/// Most differences that are listed.
const MOST_DIFFERENCES: usize = 20;

/// What a member that differs counts for, at least.
const MEMBER: usize = 100;
/// What another command counts for, at least.
const OTHER_COMMAND: usize = 1_000_000;

/// The request as compact JSON.
pub(crate) fn request_text(command: &str, arguments: &Object) -> String {
    let mut members = Object::from([("execute".to_owned(), Value::String(command.to_owned()))]);
    if !arguments.is_empty() {
        members.insert("arguments".to_owned(), Value::Object(arguments.clone()));
    }
    text_of(&Value::Object(members), LONGEST)
}

fn text_of(value: &Value, longest: usize) -> String {
    let mut out = Vec::new();
    write_value(&mut out, value, Style::Compact);
    shortened(String::from_utf8(out).unwrap_or_default(), longest)
}

/// The entries that come closest, each with another request: same command with few differences
/// first, then similar names.
pub(super) fn nearest<'a>(
    recording: &'a Recording,
    command: &str,
    arguments: &Object,
) -> Vec<&'a Entry> {
    let topic = recording.topic();
    let mut ranked: Vec<(usize, &Entry)> = topic
        .entries()
        .iter()
        .filter(|entry| entry.command != "qmp_capabilities")
        .map(|entry| (distance(entry, command, arguments), entry))
        .collect();
    ranked.sort_by_key(|(distance, entry)| (*distance, entry.line));
    let mut found: Vec<&Entry> = Vec::new();
    for (_, entry) in ranked {
        let same =
            |other: &&Entry| other.command == entry.command && other.arguments == entry.arguments;
        if !found.iter().any(same) {
            found.push(entry);
        }
        if found.len() == LISTED {
            break;
        }
    }
    found
}

/// Where the arguments differ, by member.
pub(super) fn differences(sent: &Object, recorded: &Object) -> Vec<Difference> {
    let mut all = Vec::new();
    compare("", sent, recorded, &mut all);
    all.truncate(MOST_DIFFERENCES);
    all
}

fn compare(path: &str, sent: &Object, recorded: &Object, all: &mut Vec<Difference>) {
    let mut members: Vec<&String> = sent.keys().chain(recorded.keys()).collect();
    members.sort();
    members.dedup();
    for name in members {
        let member = match path {
            "" => name.clone(),
            path => format!("{path}.{name}"),
        };
        let shown = |value: &Value| text_of(value, LONGEST_VALUE);
        match (sent.get(name), recorded.get(name)) {
            (Some(sent), Some(recorded)) if sent == recorded => {}
            (Some(Value::Object(sent)), Some(Value::Object(recorded))) => {
                compare(&member, sent, recorded, all);
            }
            (sent, recorded) => all.push(Difference {
                member,
                sent: sent.map(shown),
                recorded: recorded.map(shown),
            }),
        }
    }
}

fn distance(entry: &Entry, command: &str, arguments: &Object) -> usize {
    if entry.command == command {
        let of_sent = arguments.iter().map(|(key, value)| {
            match (value.as_str(), entry.arguments.get(key)) {
                (_, Some(other)) if other == value => 0,
                // Among as many differences, the more similar text is nearer.
                (Some(text), Some(Value::String(other))) => {
                    MEMBER + edits(text, other).min(MEMBER - 1)
                }
                _ => 2 * MEMBER - 1,
            }
        });
        let extra = entry
            .arguments
            .keys()
            .filter(|key| !arguments.contains_key(*key));
        return of_sent.sum::<usize>() + extra.count() * (2 * MEMBER - 1);
    }
    OTHER_COMMAND + edits(&entry.command, command)
}

/// Levenshtein distance, of names cut to a sane length.
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.chars().take(64).enumerate() {
        let mut corner = row[0];
        row[0] = line + 1;
        for (column, wanted) in other.iter().enumerate() {
            let changed = corner + usize::from(letter != *wanted);
            corner = row[column + 1];
            row[column + 1] = changed.min(row[column] + 1).min(corner + 1);
        }
    }
    row[other.len()]
}

fn shortened(mut text: String, longest: usize) -> String {
    if text.len() > longest {
        let end = (0..=longest)
            .rev()
            .find(|&end| text.is_char_boundary(end))
            .unwrap_or(0);
        text.truncate(end);
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_command_first_then_similar_names() {
        let text = r#"{"format":1}
{"request":{"execute":"query-block"},"at":0}
{"request":{"execute":"qom-get","arguments":{"path":"/a","property":"x"}},"at":0}
{"request":{"execute":"qom-get","arguments":{"path":"/b","property":"y"}},"at":0}
{"request":{"execute":"query-blockstats"},"at":0}
"#;
        let recording = Recording::from_text("t.qmp", text, None).unwrap();
        let arguments = Object::from(
            ["path", "property"].map(|key| (key.to_owned(), Value::String("/b".to_owned()))),
        );
        let found = nearest(&recording, "qom-get", &arguments);
        assert_eq!(found[0].line, 4, "{found:?}");
        let all: Vec<_> = differences(&arguments, &found[0].arguments)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(all, ["property: \"/b\", recorded: \"y\""]);
        assert_eq!(nearest(&recording, "query-blok", &Object::new())[0].line, 2);
    }

    #[test]
    fn the_more_similar_of_as_many_differences_is_nearer() {
        let get = |path: &str| {
            format!(
                "{{\"request\":{{\"execute\":\"qom-get\",\"arguments\":{{\"path\":\"{path}\",\"property\":\"mac\"}}}},\"at\":0}}\n"
            )
        };
        let text = format!(
            "{{\"format\":1}}\n{}{}",
            get("/machine"),
            get("/machine/peripheral/nic0")
        );
        let recording = Recording::from_text("t.qmp", &text, None).unwrap();
        let value = |text: &str| Value::String(text.to_owned());
        let arguments = Object::from([
            ("path".to_owned(), value("/machine/peripheral/nic1")),
            ("property".to_owned(), value("mac")),
        ]);
        assert_eq!(nearest(&recording, "qom-get", &arguments)[0].line, 3);
    }

    #[test]
    fn distances() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
    }
}
