// SPDX-License-Identifier: GPL-2.0-or-later
//! The requests that came, for whoever controls the mock.

use std::collections::VecDeque;

use serde::Serialize;

use crate::json::{Style, Value, write_value};

/// Most requests and bytes of them that are kept; the oldest go first.
const MOST: usize = 10_000;
const MOST_BYTES: usize = 16 << 20;

/// A request that came.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeenRequest {
    /// Its number, from 1.
    pub number: u64,
    /// When it came, in milliseconds since the server started.
    pub at: u64,
    /// The monitor that it came to, from 0.
    pub monitor: usize,
    /// The command's name; empty for input that names none.
    pub command: String,
    /// Its arguments.
    pub arguments: serde_json::Value,
    /// The class of the error that was answered, if it was one.
    pub error: Option<String>,
}

/// The latest of them.
#[derive(Debug, Default)]
pub(super) struct Seen {
    requests: VecDeque<(SeenRequest, usize)>,
    bytes: usize,
    count: u64,
}

impl Seen {
    pub(super) fn note(&mut self, monitor: usize, request: &Value, error: Option<String>, at: u64) {
        let command = request.get("execute").or(request.get("exec-oob"));
        let arguments = request.get("arguments");
        let mut text = Vec::new();
        if let Some(arguments) = arguments {
            write_value(&mut text, arguments, Style::Compact);
        }
        self.count += 1;
        let seen = SeenRequest {
            number: self.count,
            at,
            monitor,
            command: command
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            arguments: arguments.map_or_else(|| serde_json::json!({}), serde_json::Value::from),
            error,
        };
        self.bytes += text.len();
        self.requests.push_back((seen, text.len()));
        while self.requests.len() > MOST || self.bytes > MOST_BYTES {
            let Some((_, bytes)) = self.requests.pop_front() else {
                break;
            };
            self.bytes -= bytes;
        }
    }

    /// Those behind the one of this number, as far as they are kept.
    pub(super) fn since(&self, number: u64) -> impl Iterator<Item = &SeenRequest> {
        let all = self.requests.iter().map(|(request, _)| request);
        all.filter(move |request| request.number > number)
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_are_kept() {
        let mut seen = Seen::default();
        let request = Value::from(serde_json::json!({"execute": "stop", "arguments": {"x": 1}}));
        for _ in 0..=MOST {
            seen.note(0, &request, None, 0);
        }
        assert_eq!(seen.since(0).next().unwrap().number, 2);
        assert_eq!(seen.since(MOST as u64).count(), 1);
        let large = Value::String("x".repeat(MOST_BYTES));
        let large = Value::Object([("arguments".to_owned(), large)].into());
        seen.note(0, &large, None, 0);
        assert_eq!(seen.since(0).count(), 0, "too large to be kept");
    }
}
