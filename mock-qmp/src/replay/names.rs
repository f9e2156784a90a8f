// SPDX-License-Identifier: GPL-2.0-or-later
//! Names that a client chose anew, in place of those that were recorded: job ids and temporary
//! files.

use super::key::aliases;
use crate::json::{Object, Value};
use crate::recording::SCRUBBED;

/// Pairs of names: (recorded, sent).
#[derive(Debug, Default)]
pub(super) struct Names {
    pairs: Vec<(String, String)>,
    /// Folders that have other names here: (recorded, here).
    folders: Vec<(String, String)>,
}

/// Most names that are kept: clients make them up.
const MOST: usize = 1024;
/// How an answer begins that is text for people (`HumanReadableText`).
const PROSE: &str = "{\"human-readable-text\"";
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

    /// Notes what a request names differently. Descriptors are not names, they mean something only
    /// here.
    pub(super) fn note(&mut self, recorded: &Object, sent: &Object) {
        for pair in aliases(recorded, sent) {
            let descriptor = ["/proc/", "/dev/", "fd:"]
                .iter()
                .any(|start| pair.0.starts_with(start));
            if !descriptor && !pair.0.contains(SCRUBBED) {
                self.pairs.retain(|(recorded, _)| *recorded != pair.0);
                if self.pairs.len() == MOST {
                    self.pairs.remove(0);
                }
                self.pairs.push(pair);
            }
        }
    }

    /// Recorded JSON text with the names that the client chose.
    pub(super) fn as_sent(&self, text: &str) -> String {
        let mut text = text.to_owned();
        // Text for people names things between other words.
        let is_prose = text.starts_with(PROSE);
        for (recorded, sent) in &self.pairs {
            let quoted = |text: &str| serde_json::Value::from(text).to_string();
            let (recorded_text, sent_text) = (quoted(recorded), quoted(sent));
            text = if recorded.starts_with('/') {
                // A path may be inside a longer string.
                let inner = |text: &str| text[1..text.len() - 1].to_owned();
                text.replace(&inner(&recorded_text), &inner(&sent_text))
            } else if is_prose {
                moved(&text, recorded, sent_text.trim_matches('"'))
            } else {
                text.replace(&recorded_text, &sent_text)
            };
        }
        for (recorded, here) in &self.folders {
            text = moved(&text, recorded, here);
        }
        text
    }

    /// How many ways there are to read a value: a client may give a device and a job one name, which
    /// had two when they were recorded.
    pub(super) fn readings(&self, value: &Value) -> usize {
        let all = match value {
            Value::String(text) => {
                let named = self.pairs.iter().filter(|(_, sent)| sent == text);
                return named.count().clamp(1, MOST_READINGS);
            }
            Value::Array(elements) => elements.iter().map(|one| self.readings(one)).max(),
            Value::Object(members) => members.values().map(|one| self.readings(one)).max(),
            _ => None,
        };
        all.unwrap_or(1)
    }

    /// A value with the recorded names in place of those that the client chose. Of several for one,
    /// it is the latest but so many.
    pub(super) fn as_recorded(&self, value: &Value, reading: usize) -> Value {
        match value {
            Value::String(text) => {
                let mut pairs = self.pairs.iter().rev().filter(|(_, sent)| sent == text);
                let last = pairs.clone().next_back();
                let pair = pairs.nth(reading).or(last);
                let mut text = pair.map_or(text, |(recorded, _)| recorded).clone();
                for (recorded, here) in &self.folders {
                    text = moved(&text, here, recorded);
                }
                Value::String(text)
            }
            Value::Array(elements) => Value::Array(
                elements
                    .iter()
                    .map(|element| self.as_recorded(element, reading))
                    .collect(),
            ),
            Value::Object(members) => {
                let renamed = members
                    .iter()
                    .map(|(key, value)| (key.clone(), self.as_recorded(value, reading)));
                Value::Object(renamed.collect())
            }
            other => other.clone(),
        }
    }
}

/// The text with a folder in the place of another, where its name ends there.
fn moved(text: &str, from: &str, to: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(from) {
        let end = at + from.len();
        let whole = |c: char| !(c.is_alphanumeric() || "_-.".contains(c));
        let starts = rest[..at]
            .chars()
            .next_back()
            .is_none_or(|c| whole(c) && c != '/');
        let ends = rest[end..].chars().next().is_none_or(whole);
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
        names.note(&recorded, &sent);
        let text = r#"{"id":"j1","x":"j10","image":"json:{/tmp/a}","fd":"/proc/self/fd/3"}"#;
        let expected = r#"{"id":"j\"2","x":"j10","image":"json:{/tmp/b}","fd":"/proc/self/fd/3"}"#;
        assert_eq!(names.as_sent(text), expected);
        let text = r#"{"human-readable-text":"j1, j10: j1\r\n"}"#;
        let expected = r#"{"human-readable-text":"j\"2, j10: j\"2\r\n"}"#;
        assert_eq!(names.as_sent(text), expected);
        let asked = Value::from(json!({"id": "j\"2", "x": ["/tmp/b"]}));
        assert_eq!(
            names.as_recorded(&asked, 0),
            Value::from(json!({"id": "j1", "x": ["/tmp/a"]}))
        );
    }
}
