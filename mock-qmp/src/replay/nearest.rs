// SPDX-License-Identifier: GPL-2.0-or-later
//! What a recording holds that comes close to a request it does not hold.

use crate::json::{Object, Style, Value, write_value};
use crate::recording::{Entry, Recording};

/// How many are listed.
const LISTED: usize = 3;
/// Longest text of one, in bytes.
const LONGEST: usize = 160;

/// The request as compact JSON.
pub(crate) fn request_text(command: &str, arguments: &Object) -> String {
    let mut out = Vec::new();
    let mut members = Object::from([("execute".to_owned(), Value::String(command.to_owned()))]);
    if !arguments.is_empty() {
        members.insert("arguments".to_owned(), Value::Object(arguments.clone()));
    }
    write_value(&mut out, &Value::Object(members), Style::Compact);
    shortened(String::from_utf8(out).unwrap_or_default())
}

/// The closest recorded requests as `FILE:LINE: REQUEST`: same command with few differences first,
/// then similar names.
pub(crate) fn nearest(recording: &Recording, command: &str, arguments: &Object) -> Vec<String> {
    let topic = recording.topic();
    let mut ranked: Vec<(usize, &Entry)> = topic
        .entries()
        .iter()
        .filter(|entry| entry.command != "qmp_capabilities")
        .map(|entry| (distance(entry, command, arguments), entry))
        .collect();
    ranked.sort_by_key(|(distance, entry)| (*distance, entry.line));
    let mut texts: Vec<String> = Vec::new();
    let mut seen = Vec::new();
    for (_, entry) in ranked {
        let text = request_text(&entry.command, &entry.arguments);
        if !seen.contains(&text) {
            texts.push(format!("{}:{}: {text}", topic.path().display(), entry.line));
            seen.push(text);
        }
        if texts.len() == LISTED {
            break;
        }
    }
    texts
}

fn distance(entry: &Entry, command: &str, arguments: &Object) -> usize {
    if entry.command == command {
        let missing = arguments
            .iter()
            .filter(|(key, value)| entry.arguments.get(*key) != Some(*value))
            .count();
        let extra = entry
            .arguments
            .keys()
            .filter(|key| !arguments.contains_key(*key))
            .count();
        return missing + extra;
    }
    1000 + edits(&entry.command, command)
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

fn shortened(mut text: String) -> String {
    if text.len() > LONGEST {
        let end = (0..=LONGEST)
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
        assert!(found[0].starts_with("t.qmp:4: "), "{found:?}");
        assert!(nearest(&recording, "query-blok", &Object::new())[0].starts_with("t.qmp:2: "));
    }

    #[test]
    fn distances() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
    }
}
