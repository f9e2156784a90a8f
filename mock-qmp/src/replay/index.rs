// SPDX-License-Identifier: GPL-2.0-or-later
//! A topic arranged for replay: steps between state changes, and entries by what they ask.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::key::role_key;
use crate::recording::{Recording, Topic};
use crate::schema::changes_state;

/// The part of a topic from one state change to the next.
#[derive(Debug)]
pub(crate) struct Step {
    /// The moment's number in the file.
    pub(crate) moment: u32,
    /// The request that changed the state; none at the start, and where something outside did.
    pub(crate) opener: Option<usize>,
    pub(crate) entries: Range<usize>,
    pub(crate) events: Range<usize>,
    /// The file's line where it starts.
    pub(crate) line: usize,
    /// When it started, in milliseconds.
    pub(crate) at: u64,
    /// Steps with the same number show the same state: what opened the later ones failed.
    pub(crate) state: u32,
}

/// What a replay looks up.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) steps: Vec<Step>,
    /// Entries by role key, in the order of the file.
    by_key: HashMap<String, Vec<usize>>,
    /// The step of each entry.
    pub(crate) step_of: Vec<usize>,
    names: HashSet<String>,
}

impl Index {
    pub(crate) fn new(recording: &Recording) -> Self {
        let topic = recording.topic();
        let steps = steps(topic);
        let mut step_of = vec![0; topic.entries().len()];
        for (number, step) in steps.iter().enumerate() {
            step_of[step.entries.clone()].fill(number);
        }
        let mut by_key: HashMap<String, Vec<usize>> = HashMap::new();
        for (number, entry) in topic.entries().iter().enumerate() {
            by_key
                .entry(role_key(&entry.command, &entry.arguments))
                .or_default()
                .push(number);
        }
        let names = topic
            .entries()
            .iter()
            .map(|entry| entry.command.clone())
            .collect();
        Self {
            steps,
            by_key,
            step_of,
            names,
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

    /// Whether an entry opens its step.
    pub(crate) fn opens(&self, entry: usize) -> bool {
        self.steps[self.step_of[entry]].opener == Some(entry)
    }
}

/// Cuts the topic at its markers and at its state changes; a marker and the change right after it
/// are one cut.
fn steps(topic: &Topic) -> Vec<Step> {
    let first = Step {
        moment: 0,
        opener: None,
        entries: 0..0,
        events: 0..0,
        line: 1,
        at: 0,
        state: 0,
    };
    let mut steps = vec![first];
    let mut markers = topic.moments.iter().peekable();
    let (mut entries_done, mut events_done) = (0, 0);
    let mut cut =
        |steps: &mut Vec<Step>, entry: usize, line: usize, moment: u32, at: u64, opener| {
            let events = topic.events.partition_point(|event| event.line < line);
            if let Some(last) = steps.last_mut() {
                last.entries = entries_done..entry;
                last.events = events_done..events;
            }
            (entries_done, events_done) = (entry, events);
            steps.push(Step {
                moment,
                opener,
                entries: 0..0,
                events: 0..0,
                line,
                at,
                state: 0,
            });
        };
    for (number, entry) in topic.entries.iter().enumerate() {
        let changes = changes_state(&entry.command, &entry.arguments);
        let mut marked = false;
        while let Some(&&(moment, line, at)) = markers.peek()
            && line < entry.line
        {
            markers.next();
            let next_is_later = markers.peek().is_none_or(|next| next.1 > entry.line);
            marked = next_is_later && changes;
            cut(
                &mut steps,
                number,
                line,
                moment,
                at,
                marked.then_some(number),
            );
        }
        if changes && !marked {
            let moment = steps.last().map_or(0, |step| step.moment);
            cut(
                &mut steps,
                number,
                entry.line,
                moment,
                entry.at,
                Some(number),
            );
        }
    }
    for &(moment, line, at) in markers {
        cut(&mut steps, topic.entries.len(), line, moment, at, None);
    }
    if let Some(last) = steps.last_mut() {
        last.entries = entries_done..topic.entries.len();
        last.events = events_done..topic.events.len();
    }
    let mut state = 0;
    for step in steps.iter_mut().skip(1) {
        let failed = step
            .opener
            .is_some_and(|opener| topic.error(&topic.entries[opener]).is_some());
        state += u32::from(!failed);
        step.state = state;
    }
    steps
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
        let index = Index::new(&recording);
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
            index.candidates(&role_key("query-status", &Default::default())),
            [0, 2, 3]
        );
    }
}
