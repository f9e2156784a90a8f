// SPDX-License-Identifier: GPL-2.0-or-later
//! What a replay knows: the recording, where in it the client is, and what has been served.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::index::Index;
use super::names::Names;
use crate::core::Unmatched;
use crate::recording::{Entry, Recording, Topic};
use crate::schema::Schema;

/// How a replay treats requests that the recording does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Answers what it can, also from other moments, and remembers nothing.
    #[default]
    Lenient,
    /// Answers only what was recorded in this state, and reports everything else at the end.
    Strict,
}

/// When answers and events come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Timing {
    /// At once; events that were recorded after a wait come after at most a tenth of a second.
    #[default]
    Prompt,
    /// As long after what caused them as recorded.
    Recorded,
}

/// A replay of one topic.
#[derive(Debug)]
#[must_use]
pub struct Replay {
    pub(super) recording: Recording,
    pub(super) index: Arc<Index>,
    pub(super) mode: Mode,
    pub(super) timing: Timing,
    /// The folder of the recorded machine's files, and the one that takes its place here.
    pub(super) folder: Option<(PathBuf, PathBuf)>,
    pub(super) step: usize,
    /// When the step began here.
    pub(super) opened_at: Duration,
    /// When the last event was sent, or the step began.
    pub(super) released_at: Duration,
    pub(super) next_event: usize,
    pub(super) attached: bool,
    pub(super) served: Vec<bool>,
    pub(super) visited: Vec<bool>,
    pub(super) replies: Vec<Option<Arc<[u8]>>>,
    pub(super) schema_reply: Option<Arc<[u8]>>,
    /// Read when it is needed first; `None` inside where there is none.
    pub(super) schema: OnceCell<Option<Schema>>,
    /// The machine waits to be set up (`--preconfig`).
    pub(super) before_machine: bool,
    pub(super) names: Names,
    pub(super) unmatched: Vec<Unmatched>,
}

impl Replay {
    /// A replay at the recording's start.
    pub fn new(recording: Recording) -> Self {
        let index = Arc::new(Index::new(&recording));
        let entries = recording.topic().entries().len();
        let mut visited = vec![false; index.steps.len()];
        visited[0] = true;
        let before_machine = starts_before_machine(&recording);
        Self {
            recording,
            mode: Mode::default(),
            timing: Timing::default(),
            folder: None,
            step: 0,
            opened_at: Duration::ZERO,
            released_at: Duration::ZERO,
            next_event: index.steps[0].events.start,
            attached: false,
            served: vec![false; entries],
            visited,
            replies: vec![None; entries],
            schema_reply: None,
            schema: OnceCell::new(),
            before_machine,
            names: Names::default(),
            unmatched: Vec::new(),
            index,
        }
    }

    /// Chooses how unknown requests are treated.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Chooses when answers and events come.
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// Writes files that requests name below the folder `recorded` below `here` instead.
    pub fn folder(mut self, recorded: PathBuf, here: PathBuf) -> Self {
        self.folder = Some((recorded, here));
        self
    }

    pub(super) fn schema(&self) -> Option<&Schema> {
        let read = || Schema::parse(self.recording.schema()?).ok();
        self.schema.get_or_init(read).as_ref()
    }

    pub(super) fn topic(&self) -> &Topic {
        self.recording.topic()
    }

    pub(super) fn entry(&self, entry: usize) -> &Entry {
        &self.topic().entries[entry]
    }

    pub(super) fn event_text(&self, event: usize) -> String {
        let topic = self.topic();
        self.names.as_sent(topic.event_text(&topic.events[event]))
    }

    pub(super) fn remember(&mut self, request: String, problem: &str, nearest: Vec<String>) {
        if self.mode == Mode::Strict {
            self.unmatched.push(Unmatched {
                request,
                problem: problem.to_owned(),
                nearest,
            });
        }
    }

    /// Enters a step; what was still to come in the one at hand comes first.
    pub(super) fn enter(&mut self, step: usize, now: Duration, events: &mut Vec<String>) {
        if step > self.step {
            let rest = self.next_event..self.index.steps[self.step].events.end;
            events.extend(rest.map(|event| self.event_text(event)));
        } else {
            let entries = self.index.steps[step].entries.start..;
            self.served[entries].fill(false);
        }
        self.step = step;
        self.visited[step] = true;
        self.opened_at = now;
        self.released_at = now;
        self.next_event = self.index.steps[step].events.start;
    }
}

/// Whether QEMU was to wait before it sets up the machine.
fn starts_before_machine(recording: &Recording) -> bool {
    let arguments = recording
        .machine()
        .map_or(&[][..], |machine| &machine.arguments);
    arguments
        .iter()
        .any(|word| word == "--preconfig" || word == "-preconfig")
}
