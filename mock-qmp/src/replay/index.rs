// SPDX-License-Identifier: GPL-2.0-or-later
//! A topic arranged for replay: steps between state changes, and entries by what they ask.

use std::collections::{HashMap, HashSet};

use super::ignored::Ignored;
use super::states::States;
use super::steps::{Step, steps};
use crate::recording::Recording;

/// What a replay looks up.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) steps: Vec<Step>,
    /// Entries by role key, in the order of the file.
    by_key: HashMap<String, Vec<usize>>,
    /// The step of each entry.
    pub(crate) step_of: Vec<usize>,
    names: HashSet<String>,
    /// Whether each entry has a reply.
    pub(super) is_answered: bool,
    /// What the machine is like at each place.
    pub(super) states: States,
    /// Members that differ each time.
    pub(super) ignored: Ignored,
}

impl Index {
    pub(crate) fn new(recording: &Recording, ignored: Ignored) -> Self {
        let topic = recording.topic();
        let steps = steps(topic);
        let mut step_of = vec![0; topic.entries().len()];
        for (number, step) in steps.iter().enumerate() {
            step_of[step.entries.clone()].fill(number);
        }
        let mut by_key: HashMap<String, Vec<usize>> = HashMap::new();
        for (number, entry) in topic.entries().iter().enumerate() {
            by_key
                .entry(ignored.key(&entry.command, &entry.arguments))
                .or_default()
                .push(number);
        }
        let names = topic
            .entries()
            .iter()
            .map(|entry| entry.command.clone())
            .collect();
        Self {
            by_key,
            step_of,
            names,
            is_answered: topic.entries().iter().all(|entry| entry.reply.is_some()),
            states: States::new(topic, &steps),
            ignored,
            steps,
        }
    }

    /// The recorded entries that ask the same.
    pub(crate) fn candidates(&self, key: &str) -> &[usize] {
        self.by_key.get(key).map_or(&[], Vec::as_slice)
    }

    /// Whether a command of this name was recorded at all.
    pub(crate) fn knows(&self, command: &str) -> bool {
        self.names.contains(command)
    }

    /// Whether nothing had changed yet in an entry's session.
    pub(super) fn is_at_start(&self, entry: usize) -> bool {
        let step = &self.steps[self.step_of[entry]];
        let first = self.steps.partition_point(|other| other.part < step.part);
        step.state == self.steps[first].state
    }

    /// Whether an entry opens its step.
    pub(crate) fn opens(&self, entry: usize) -> bool {
        self.steps[self.step_of[entry]].opener == Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_markers_and_changes() {
        let text = r#"{"format":1}
{"event":{"event":"A"},"at":0}
{"request":{"execute":"query-status"},"at":1}
{"reply":{"return":{}},"at":1}
{"moment":1,"at":2}
{"request":{"execute":"stop"},"at":2}
{"event":{"event":"STOP"},"at":2}
{"reply":{"return":{}},"at":2}
{"request":{"execute":"query-status"},"at":3}
{"reply":{"return":{}},"at":3}
{"moment":2,"at":4}
{"request":{"execute":"query-status"},"at":5}
{"reply":{"return":{}},"at":5}
{"request":{"execute":"device_del","arguments":{"id":"x"}},"at":6}
{"reply":{"error":{}},"at":6}
"#;
        let recording = Recording::from_text("t.qmp", text, None).unwrap();
        let index = Index::new(&recording, Ignored::default());
        let shape: Vec<_> = index
            .steps
            .iter()
            .map(|step| {
                (
                    step.moment,
                    step.opener,
                    step.entries.clone(),
                    step.events.clone(),
                    step.state,
                )
            })
            .collect();
        let expected = [
            (0, None, 0..1, 0..1, 0),
            (1, Some(1), 1..3, 1..2, 1),
            (2, None, 3..4, 2..2, 2),
            (2, Some(4), 4..5, 2..2, 2),
        ];
        assert_eq!(shape, expected);
        assert_eq!(
            index.candidates(&index.ignored.key("query-status", &Default::default())),
            [0, 2, 3]
        );
    }
}
