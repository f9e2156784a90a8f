// SPDX-License-Identifier: GPL-2.0-or-later
//! A topic cut at its state changes.

use std::ops::Range;

use crate::recording::Topic;
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
    /// The session that it is of, in a recording joined of several.
    pub(crate) part: usize,
}

/// Cuts the topic at its markers and at its state changes; a marker and the change right after it
/// are one cut.
pub(super) fn steps(topic: &Topic) -> Vec<Step> {
    let first = Step {
        moment: 0,
        opener: None,
        entries: 0..0,
        events: 0..0,
        line: 1,
        at: 0,
        state: 0,
        part: 0,
    };
    let mut steps = vec![first];
    let mut markers = topic.moments.iter().peekable();
    let (mut entries_done, mut events_done) = (0, 0);
    let starts = |line: usize| {
        let mut parts = topic.parts.iter();
        parts.any(|part| part.lines > 0 && part.lines == line)
    };
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
                part: topic.part_of_line(line + usize::from(starts(line))),
            });
        };
    for (number, entry) in topic.entries.iter().enumerate() {
        let changes = changes_state(&entry.command, &entry.arguments);
        let mut marked = false;
        while let Some(&(moment, line, at)) = markers.next_if(|marker| marker.1 < entry.line) {
            let next_is_later = markers.peek().is_none_or(|next| next.1 > entry.line);
            // Where a session starts, its first request changes nothing yet.
            marked = next_is_later && changes && !starts(line);
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
        let failed = !starts(step.line)
            && step
                .opener
                .is_some_and(|opener| topic.error(&topic.entries[opener]).is_some());
        state += u32::from(!failed);
        step.state = state;
    }
    steps
}
