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
}

impl Names {
    pub(super) fn is_empty(&self) -> bool {
        self.pairs.is_empty()
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
                self.pairs.push(pair);
            }
        }
    }

    /// Recorded JSON text with the names that the client chose.
    pub(super) fn as_sent(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (recorded, sent) in &self.pairs {
            let quoted = |text: &str| serde_json::Value::from(text).to_string();
            let (recorded_text, sent_text) = (quoted(recorded), quoted(sent));
            text = if recorded.starts_with('/') {
                // A path may be inside a longer string.
                let inner = |text: &str| text[1..text.len() - 1].to_owned();
                text.replace(&inner(&recorded_text), &inner(&sent_text))
            } else {
                text.replace(&recorded_text, &sent_text)
            };
        }
        text
    }

    /// A value with the recorded names in place of those that the client chose.
    pub(super) fn as_recorded(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => {
                let pair = self.pairs.iter().find(|(_, sent)| sent == text);
                Value::String(pair.map_or(text, |(recorded, _)| recorded).clone())
            }
            Value::Array(elements) => Value::Array(
                elements
                    .iter()
                    .map(|element| self.as_recorded(element))
                    .collect(),
            ),
            Value::Object(members) => {
                let renamed = members
                    .iter()
                    .map(|(key, value)| (key.clone(), self.as_recorded(value)));
                Value::Object(renamed.collect())
            }
            other => other.clone(),
        }
    }
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
        let asked = Value::from(json!({"id": "j\"2", "x": ["/tmp/b"]}));
        assert_eq!(
            names.as_recorded(&asked),
            Value::from(json!({"id": "j1", "x": ["/tmp/a"]}))
        );
    }
}
