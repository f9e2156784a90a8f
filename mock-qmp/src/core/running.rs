// SPDX-License-Identifier: GPL-2.0-or-later
//! A command between its request and its reply.

use std::time::Duration;

use super::execution::Execution;
use crate::json::{Style, Value, write_value};

/// A command that takes time.
pub(super) struct Running {
    pub(super) until: Duration,
    pub(super) answered: Answered,
    pub(super) execution: Execution,
    /// Whether reading goes on when it is done, rather than when it was taken from the queue.
    pub(super) resumes: bool,
}

/// What a reply goes to.
pub(super) struct Answered {
    pub(super) monitor: usize,
    /// The command's name; empty for input that names none.
    pub(super) command: String,
    pub(super) id: Option<Value>,
}

impl Answered {
    pub(super) fn of(monitor: usize, request: Value) -> Self {
        let Value::Object(mut members) = request else {
            return Self {
                monitor,
                command: String::new(),
                id: None,
            };
        };
        let id = members.swap_remove("id");
        let command = members
            .swap_remove("execute")
            .or_else(|| members.swap_remove("exec-oob"));
        let command = match command {
            Some(Value::String(command)) => command,
            _ => String::new(),
        };
        Self {
            monitor,
            command,
            id,
        }
    }
    /// The id as a reply shows it.
    pub(super) fn id_text(&self) -> Option<String> {
        let id = self.id.as_ref()?;
        let mut out = Vec::new();
        write_value(&mut out, id, Style::Spaced);
        String::from_utf8(out).ok()
    }
}
