// SPDX-License-Identifier: GPL-2.0-or-later
//! Names that a client chose anew, in place of those that were recorded: job ids, temporary files,
//! and what the recording says makes no difference.

use std::collections::HashMap;

use super::key::aliases;
use super::text::{Kind, Renames, has_name, is_part};
use crate::json::{Object, Value};
use crate::recording::SCRUBBED;

/// A name: as recorded, and as sent.
pub(super) type Pair = (String, String);

/// The names that clients chose.
#[derive(Debug, Default)]
pub(super) struct Names {
    pairs: Vec<Pair>,
    /// Folders that have other names here: (recorded, here).
    folders: Vec<Pair>,
}

/// Most names that are kept: clients make them up.
const MOST: usize = 1024;
/// Longest names that are kept, in bytes.
const LONGEST: usize = 4096;
/// Members whose values are words of QEMU's, whatever clients call their things.
const NO_NAMES: &[&str] = &[
    "capability",
    "driver",
    "format",
    "implements",
    "property",
    "protocol",
    "qom-type",
    "type",
    "typename",
];
/// Most ways to read a request that are tried.
const MOST_READINGS: usize = 8;

impl Names {
    pub(super) fn is_empty(&self) -> bool {
        self.pairs.is_empty() && self.folders.is_empty()
    }

    pub(super) fn map(&mut self, recorded: &str, here: &str) {
        let bare = |path: &str| path.trim_end_matches('/').to_owned();
        self.folders.push((bare(recorded), bare(here)));
    }

    /// Forgets what clients named.
    pub(super) fn forget(&mut self) {
        self.pairs.clear();
    }

    /// Notes what a request names differently, and returns what each name of it is in its answer
    /// and in the events that it causes.
    pub(super) fn note(&mut self, recorded: &Object, sent: &Object) -> Vec<Pair> {
        let named = aliases(recorded, sent).into_iter();
        // Descriptors are not names, they mean something only here.
        let is_name = |pair: &Pair| {
            let descriptor = ["/proc/", "/dev/", "fd:"]
                .iter()
                .any(|start| pair.0.starts_with(start));
            let is_short = pair.0.len().max(pair.1.len()) <= LONGEST;
            !descriptor && is_short && !pair.0.contains(SCRUBBED)
        };
        let mut named: Vec<Pair> = named.filter(is_name).collect();
        // A path that has a name in it follows from the name.
        for pair in named.iter().filter(|(recorded, _)| !has_name(recorded)) {
            self.pairs.retain(|known| known != pair);
            if self.pairs.len() == MOST {
                self.pairs.remove(0);
            }
            self.pairs.push(pair.clone());
        }
        // What another client's name stands for too is itself here.
        let same = |text: &str| self.pairs.iter().any(|(recorded, _)| recorded == text);
        named.extend(
            strings(sent)
                .filter(|text| same(text))
                .filter(|text| strings(recorded).any(|other| other == *text))
                .map(|text| (text.to_owned(), text.to_owned())),
        );
        named
    }

    /// Recorded JSON text with the names that the client chose. `first` are those of the request
    /// that it answers, or that caused it.
    pub(super) fn as_sent(&self, text: &str, kind: Kind, first: &[Pair]) -> String {
        let pairs = first.iter().chain(self.pairs.iter().rev());
        let renames = Renames::new(pairs.map(|(recorded, sent)| (&**recorded, &**sent)));
        let mut text = renames.in_text(text, kind);
        for (recorded, here) in &self.folders {
            text = moved(&text, recorded, here);
        }
        text
    }

    /// How many ways there are to read a request: a client may give a device and a job one name,
    /// which had two when they were recorded.
    pub(super) fn readings(&self) -> usize {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for (_, sent) in &self.pairs {
            *counts.entry(sent).or_default() += 1;
        }
        let most = counts.into_values().max();
        most.unwrap_or(1).clamp(1, MOST_READINGS)
    }

    /// A request's arguments with the recorded names in place of those that the client chose. Of
    /// several for one, it is the latest but so many.
    pub(super) fn as_recorded(&self, arguments: &Object, reading: usize) -> Object {
        let mut recorded: HashMap<&str, Vec<&str>> = HashMap::new();
        for (name, sent) in self.pairs.iter().rev() {
            recorded.entry(sent).or_default().push(name);
        }
        let back = recorded.iter().filter_map(|(sent, names)| {
            let name = names.get(reading).or(names.last())?;
            Some((*sent, *name))
        });
        let back = Renames::new(back);
        let mut arguments = arguments.clone();
        for (member, value) in &mut arguments {
            self.put_recorded(member, value, &back);
        }
        arguments
    }

    fn put_recorded(&self, member: &str, value: &mut Value, back: &Renames<'_>) {
        match value {
            Value::String(text) => {
                let other = match member {
                    _ if NO_NAMES.contains(&member) => None,
                    "command-line" => in_line(text, back),
                    _ => back.in_string(text, Kind::Data),
                };
                let other = other.unwrap_or_else(|| text.clone());
                let folders = self.folders.iter();
                *text = folders.fold(other, |text, (recorded, here)| moved(&text, here, recorded));
            }
            Value::Array(elements) => elements
                .iter_mut()
                .for_each(|it| self.put_recorded(member, it, back)),
            Value::Object(members) => members
                .iter_mut()
                .for_each(|(member, it)| self.put_recorded(member, it, back)),
            _ => {}
        }
    }
}

/// A line of the built-in monitor with other names behind its command.
fn in_line(line: &str, back: &Renames<'_>) -> Option<String> {
    let command = line.trim_start();
    let mut end = command.find(' ')?;
    if command[..end] == *"info" {
        let what = command[end..].trim_start();
        end = command.len() - what.len() + what.find(' ')?;
    }
    let behind = line.len() - (command.len() - end);
    let other = back.in_string(&line[behind..], Kind::Prose)?;
    Some(format!("{}{other}", &line[..behind]))
}

/// The strings among a request's arguments.
fn strings(arguments: &Object) -> impl Iterator<Item = &str> {
    arguments.values().filter_map(Value::as_str)
}

/// The text with a folder in the place of another, where its name ends there.
fn moved(text: &str, from: &str, to: &str) -> String {
    // The root has no name.
    if from.is_empty() {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(from) {
        let end = at + from.len();
        let starts = !rest[..at].ends_with(|c| is_part(c) || c == '/');
        let ends = !rest[end..].starts_with(is_part);
        out.push_str(&rest[..at]);
        out.push_str(if starts && ends { to } else { from });
        rest = &rest[end..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_put_in_each_others_place() {
        let object = |value| match Value::from(value) {
            Value::Object(members) => members,
            other => panic!("{other:?}"),
        };
        let mut names = Names::default();
        let recorded = object(
            json!({"job-id": "j1", "file": "/tmp/a", "fd": "/proc/self/fd/3", "password": SCRUBBED}),
        );
        let sent = object(
            json!({"job-id": "j\"2", "file": "/tmp/b", "fd": "/proc/self/fd/4", "password": "x"}),
        );
        let first = names.note(&recorded, &sent);
        assert!(first.contains(&("j1".to_owned(), "j\"2".to_owned())));
        let text = r#"{"id":"j1","x":"j10","image":"json:{/tmp/a}","fd":"/proc/self/fd/3"}"#;
        let expected = r#"{"id":"j\"2","x":"j10","image":"json:{/tmp/b}","fd":"/proc/self/fd/3"}"#;
        assert_eq!(names.as_sent(text, Kind::Data, &[]), expected);
        let text = r#"{"human-readable-text":"j1, j10: j1\r\n"}"#;
        let expected = r#"{"human-readable-text":"j\"2, j10: j\"2\r\n"}"#;
        assert_eq!(names.as_sent(text, Kind::Prose, &[]), expected);
        let asked = object(json!({"id": "j\"2", "x": ["/tmp/b"], "driver": "j\"2"}));
        assert_eq!(
            names.as_recorded(&asked, 0),
            object(json!({"id": "j1", "x": ["/tmp/a"], "driver": "j\"2"}))
        );
        let line = object(json!({"command-line": "info status j\"2"}));
        assert_eq!(names.as_recorded(&line, 0), line, "it is no word");
    }
}
