// SPDX-License-Identifier: GPL-2.0-or-later
//! Where the sessions of one machine answer the same question differently, in the same state.

use std::collections::HashMap;

use serde_json::Value;

use super::ignored::Ignored;
use super::index::Index;
use crate::recording::Recording;
use crate::schema::{BUILTIN, changes_state};

/// Commands whose answers differ by time and host, not by state.
const VOLATILE: &[&str] = &[
    "query-blockstats",
    // It lists the monitors of whoever recorded.
    "query-chardev",
    "query-cpus-fast",
    "query-events",
    "query-stats",
    "query-trace-events",
    BUILTIN,
];

/// Lists them, as `FILE:LINE: PROBLEM`. Numbers and paths may differ.
#[must_use]
pub fn contradictions(recording: &Recording) -> Vec<String> {
    let topic = recording.topic();
    let index = Index::new(recording, Ignored::default());
    let mut seen: HashMap<(usize, String), (usize, Value)> = HashMap::new();
    let mut problems = Vec::new();
    for (number, entry) in topic.entries().iter().enumerate() {
        let step = index.step_of[number];
        let first = index
            .steps
            .partition_point(|other| other.part < index.steps[step].part);
        let starts = index.steps[step].state == index.steps[first].state;
        if !starts
            || changes_state(&entry.command, &entry.arguments)
            || VOLATILE.contains(&entry.command.as_str())
        {
            continue;
        }
        let Some(returned) = topic.returned(entry) else {
            continue;
        };
        let answer = serde_json::from_str(returned)
            .map(steady)
            .unwrap_or_default();
        let key = (
            index.states.before(number),
            index.ignored.key(&entry.command, &entry.arguments),
        );
        match seen.get(&key) {
            Some((other, before)) if *before != answer => {
                let other_line = topic.entries()[*other].line;
                if topic.part_of_line(other_line) != topic.part_of_line(entry.line) {
                    problems.push(format!(
                        "{}: {} is answered otherwise at {}, in the same state",
                        topic.place(entry.line),
                        entry.command,
                        topic.place(other_line)
                    ));
                }
            }
            Some(_) => {}
            None => {
                seen.insert(key, (number, answer));
            }
        }
    }
    problems
}

/// The value without what differs by time and host.
fn steady(value: Value) -> Value {
    match value {
        Value::Number(_) => Value::Null,
        // A path, or a name that QEMU made up.
        Value::String(text) if text.contains('/') || text.starts_with('#') => Value::Null,
        Value::Array(elements) => elements.into_iter().map(steady).collect(),
        Value::Object(members) => {
            let members = members.into_iter();
            Value::Object(members.map(|(name, value)| (name, steady(value))).collect())
        }
        other => other,
    }
}
