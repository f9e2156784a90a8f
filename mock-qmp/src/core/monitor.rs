// SPDX-License-Identifier: GPL-2.0-or-later
//! One monitor: its connection's state, its queue, its way of writing.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::execution::Outcome;
use super::queue::OutputQueue;
use crate::json::{Dialect, JsonError, Parser, Style, Value, write_value};

/// In-band requests that may wait while out-of-band is enabled (`QMP_REQ_QUEUE_LEN_MAX`).
pub(crate) const QUEUE_LENGTH: usize = 8;

/// How a monitor is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MonitorOptions {
    /// Whether it writes over several lines, as `-qmp-pretty` does.
    pub pretty: bool,
}

/// A monitor and the client that it serves, if there is one.
#[derive(Debug)]
pub(crate) struct Monitor {
    pub(crate) options: MonitorOptions,
    dialect: Dialect,
    pub(crate) connected: bool,
    pub(crate) negotiated: bool,
    pub(crate) oob: bool,
    pub(crate) parser: Parser,
    pub(crate) queue: VecDeque<Result<Value, JsonError>>,
    /// How many reasons there are not to read on.
    pub(crate) suspended: u32,
    /// The client has sent its last byte, which is noticed when reading goes on.
    pub(crate) input_ended: bool,
    /// Descriptors that came with the bytes just read.
    pub(crate) passed: Vec<OwnedFd>,
    pub(crate) output: OutputQueue,
}

impl Monitor {
    pub(crate) fn new(options: MonitorOptions, dialect: Dialect) -> Self {
        Self {
            options,
            dialect,
            connected: false,
            negotiated: false,
            oob: false,
            parser: Parser::new(dialect),
            queue: VecDeque::new(),
            suspended: 0,
            input_ended: false,
            passed: Vec::new(),
            output: OutputQueue::default(),
        }
    }

    /// Forgets everything about the client.
    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.options, self.dialect);
    }

    /// Puts a request at the end of the queue, and stops reading when QEMU would.
    pub(crate) fn enqueue(&mut self, request: Result<Value, JsonError>) {
        if !self.oob || self.queue.len() == QUEUE_LENGTH - 1 {
            self.suspended += 1;
        }
        self.queue.push_back(request);
    }

    /// Takes the next request, and the state of out-of-band that decides when reading goes on.
    pub(crate) fn dequeue(&mut self) -> Option<(Result<Value, JsonError>, bool)> {
        let request = self.queue.pop_front()?;
        if self.oob && self.queue.len() == QUEUE_LENGTH - 1 {
            self.resume();
        }
        Some((request, self.oob))
    }

    /// One reason less not to read on.
    pub(crate) fn resume(&mut self) {
        self.suspended = self.suspended.saturating_sub(1);
    }

    /// The line for a reply: what comes before its content, the content if it is shared, and what
    /// comes after.
    pub(crate) fn reply(
        &self,
        outcome: &Outcome,
        id: Option<&Value>,
    ) -> (Vec<u8>, Option<Arc<[u8]>>, Vec<u8>) {
        if self.options.pretty {
            return (pretty_reply(outcome, id), None, Vec::new());
        }
        let (mut head, mut tail, mut shared) = (Vec::new(), Vec::new(), None);
        // QEMU's dictionary lists `return` before and `error` after `id`.
        let success = matches!(outcome, Outcome::Text(_) | Outcome::Value(_));
        head.push(b'{');
        if let Some(id) = id.filter(|_| !success) {
            member(&mut head, "id", id);
            head.extend_from_slice(b", ");
        }
        match outcome {
            Outcome::Text(text) => {
                head.extend_from_slice(b"\"return\": ");
                shared = Some(text.clone());
            }
            Outcome::ErrorText(text) => {
                head.extend_from_slice(b"\"error\": ");
                shared = Some(text.clone());
            }
            Outcome::Value(value) => member(&mut head, "return", value),
            Outcome::Error(failure) => member(
                &mut head,
                "error",
                &error_value(failure.class, &failure.desc),
            ),
        }
        if let Some(id) = id.filter(|_| success) {
            tail.extend_from_slice(b", ");
            member(&mut tail, "id", id);
        }
        tail.extend_from_slice(b"}\r\n");
        (head, shared, tail)
    }

    /// The line for a message given as JSON text in any layout.
    pub(crate) fn message(&self, text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        if self.options.pretty {
            return pretty_line(&parse(text.as_bytes()));
        }
        crate::json::respace(&mut out, text);
        out.extend_from_slice(b"\r\n");
        out
    }
}

fn member(out: &mut Vec<u8>, name: &str, value: &Value) {
    out.extend_from_slice(format!("\"{name}\": ").as_bytes());
    write_value(out, value, Style::Spaced);
}

/// An error reply's content, in the order of QEMU's dictionary.
fn error_value(class: &str, desc: &str) -> Value {
    let members = [("class", class), ("desc", desc)];
    Value::Object(
        members
            .map(|(key, text)| (key.to_owned(), Value::String(text.to_owned())))
            .into(),
    )
}

fn pretty_reply(outcome: &Outcome, id: Option<&Value>) -> Vec<u8> {
    let id = id.map(|id| ("id".to_owned(), id.clone()));
    let (name, value) = match outcome {
        Outcome::Text(text) => ("return", parse(text)),
        Outcome::Value(value) => ("return", value.clone()),
        Outcome::ErrorText(text) => ("error", parse(text)),
        Outcome::Error(failure) => ("error", error_value(failure.class, &failure.desc)),
    };
    let content = (name.to_owned(), value);
    let members = if name == "return" {
        [Some(content), id]
    } else {
        [id, Some(content)]
    };
    pretty_line(&Value::Object(members.into_iter().flatten().collect()))
}

fn parse(text: &[u8]) -> Value {
    serde_json::from_slice::<serde_json::Value>(text)
        .map(Value::from)
        .unwrap_or_default()
}

/// Every line end, also inside, is CR LF on the wire.
fn pretty_line(value: &Value) -> Vec<u8> {
    let mut text = Vec::new();
    write_value(&mut text, value, Style::Pretty);
    text.push(b'\n');
    let mut out = Vec::with_capacity(text.len() + text.len() / 16);
    for piece in text.split_inclusive(|&byte| byte == b'\n') {
        match piece.split_last() {
            Some((b'\n', front)) => {
                out.extend_from_slice(front);
                out.extend_from_slice(b"\r\n");
            }
            _ => out.extend_from_slice(piece),
        }
    }
    out
}
