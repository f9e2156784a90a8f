// SPDX-License-Identifier: GPL-2.0-or-later
//! What a replay knows: the recording, where in it the client is, and what has been served.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::ignored::{Ignored, IgnoredMember};
use super::index::Index;
use super::model::{Event, Model};
use super::names::{Names, Pair};
use super::text::Kind;
use crate::core::{Unmatched, timestamp};
use crate::recording::{Entry, Recording, Topic};
use crate::schema::Schema;

/// Most requests without an answer that are kept for the report.
const MOST_UNMATCHED: usize = 1000;

/// How a replay treats requests that the recording does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Answers what it can, also from other moments, and remembers nothing.
    #[default]
    Lenient,
    /// Requests that only look are answered as when lenient; changes only in the state in which they
    /// were recorded. Everything else is reported at the end.
    FreeReads,
    /// Answers only what was recorded in this state, and reports everything else at the end, and
    /// what was never reached.
    Strict,
}

/// Which time events carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Timestamps {
    /// The present.
    #[default]
    Now,
    /// That of the recording.
    Recorded,
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
    /// Whether the built-in monitor's help is made of the recorded lines.
    pub(super) help: bool,
    /// Whether only what was recorded of the present state is answered.
    pub(super) present_only: bool,
    pub(super) timing: Timing,
    pub(super) timestamps: Timestamps,
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
    /// Recorded changes that were asked for otherwise, or refused, with what they follow from.
    pub(super) changed: BTreeMap<usize, String>,
    /// How many more there were than are kept.
    pub(super) unmatched_more: u64,
    /// Names that the step's request has, in the events that it causes.
    pub(super) step_names: Vec<Pair>,
    /// Whether the step's `STOP` was not sent, the machine being stopped: nor is its `RESUME` then.
    pub(super) stays_stopped: bool,
    /// Devices that were told to go, and have not gone yet.
    pub(super) leaving: BTreeSet<String>,
    /// What the machine is like, and which of the recording's states that is.
    pub(super) model: Model,
    pub(super) model_number: Option<usize>,
}

impl Replay {
    /// A replay at the recording's start.
    pub fn new(recording: Recording) -> Self {
        let mut ignored = Ignored::default();
        let listed = recording
            .machine()
            .map_or(&[][..], |machine| &machine.ignore);
        // What is not of this form is found by `check`.
        let members = listed.iter().filter_map(|text| text.parse().ok());
        members.for_each(|member| ignored.add(member));
        let index = Index::new(&recording, ignored);
        let model = index.states.start(0).clone();
        let entries = recording.topic().entries().len();
        let mut visited = vec![false; index.steps.len()];
        visited[0] = true;
        let before_machine = starts_before_machine(&recording);
        Self {
            recording,
            mode: Mode::default(),
            help: true,
            present_only: false,
            timing: Timing::default(),
            timestamps: Timestamps::default(),
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
            changed: BTreeMap::new(),
            unmatched_more: 0,
            step_names: Vec::new(),
            stays_stopped: false,
            leaving: BTreeSet::new(),
            model_number: index.states.find(&model),
            model,
            index: Arc::new(index),
        }
    }

    /// Chooses how unknown requests are treated.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Has no answer to the built-in monitor's `help`, for clients that have their own.
    pub fn without_help(mut self) -> Self {
        self.help = false;
        self
    }

    /// Answers what was recorded of the present state, and only that.
    pub(crate) fn present_only(mut self) -> Self {
        self.mode = Mode::FreeReads;
        self.present_only = true;
        self
    }

    /// The run state that the recording begins in, if that is known.
    pub(crate) fn start_state(&self) -> Option<&str> {
        let run = self.index.states.start(0).run.as_str();
        (!run.is_empty()).then_some(run)
    }

    /// Chooses when answers and events come.
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// Chooses which time events carry.
    pub fn timestamps(mut self, timestamps: Timestamps) -> Self {
        self.timestamps = timestamps;
        self
    }

    /// A member whose value clients choose anew each time: it makes no difference.
    pub fn ignore(mut self, member: IgnoredMember) -> Self {
        let mut ignored = self.index.ignored.clone();
        ignored.add(member);
        self.index = Arc::new(Index::new(&self.recording, ignored));
        self
    }

    /// A folder that has another name here: in requests the one stands for the other, and in
    /// answers and events the other way round.
    pub fn map(mut self, recorded: &str, here: &str) -> Self {
        self.names.map(recorded, here);
        self
    }

    /// Starts again, as if nobody had asked anything yet.
    pub(super) fn start_again(&mut self) {
        self.step = 0;
        self.next_event = self.index.steps[0].events.start;
        self.attached = false;
        self.served.fill(false);
        self.visited.fill(false);
        self.visited[0] = true;
        self.before_machine = starts_before_machine(&self.recording);
        self.names.forget();
        self.step_names.clear();
        self.stays_stopped = false;
        self.leaving.clear();
        self.unmatched.clear();
        self.changed.clear();
        self.unmatched_more = 0;
        self.set_model(self.index.states.start(0).clone());
    }

    pub(super) fn set_model(&mut self, model: Model) {
        self.model_number = self.index.states.find(&model.as_recorded());
        self.model = model;
    }

    /// An event of the recording as it is sent now; none where QEMU would not send it, the machine
    /// being as it says.
    pub(super) fn send_event(&mut self, number: usize) -> Option<String> {
        let text = self.event_text(number);
        let topic = self.recording.topic.clone();
        let recorded = Event::read(topic.event_text(&topic.events[number]));
        if let (Some(event), Some(recorded)) = (Event::read(&text), recorded) {
            if self.mode != Mode::Strict {
                let resumes = self.stays_stopped && event.is_resume();
                self.stays_stopped &= !resumes;
                let device = event.gone_device();
                let stays = device.is_some_and(|device| {
                    !self.leaving.remove(device) && self.model.has_added(device)
                });
                if stays || resumes || self.model.knows(&event) {
                    self.stays_stopped |= event.is_stop();
                    return None;
                }
            }
            let then = self.index.states.start_of(self.step);
            let is_sent = self.mode == Mode::Strict || self.model.sends(&event, then);
            let mut model = self.model.clone();
            model.event(&event, &recorded, self.index.states.run_after(number));
            self.set_model(model);
            return is_sent.then_some(text);
        }
        Some(text)
    }

    /// The step's next event, which is due now.
    pub(super) fn next_event(&mut self) -> Option<String> {
        let number = self.next_event;
        self.next_event += 1;
        self.send_event(number)
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
        let text = topic.event_text(&topic.events[event]);
        let text = self.as_sent(text, Kind::Data, &self.step_names);
        match self.timestamps {
            Timestamps::Now => stamped(text),
            Timestamps::Recorded => text,
        }
    }

    /// Recorded JSON text with the names that the client chose. Where several things were one in the
    /// recording, a name is that of the one that is called so, if there is one.
    pub(super) fn as_sent(&self, text: &str, kind: Kind, first: &[Pair]) -> String {
        if self.names.is_empty() {
            return text.to_owned();
        }
        let mut names = first.to_vec();
        let (same, other): (Vec<Pair>, Vec<Pair>) = self
            .model
            .names()
            .partition(|(recorded, sent)| recorded == sent);
        names.extend(same.into_iter().chain(other));
        self.names.as_sent(text, kind, &names)
    }

    pub(super) fn remember(&mut self, unmatched: Unmatched) {
        if self.mode == Mode::Lenient {
            return;
        }
        if self.unmatched.len() < MOST_UNMATCHED {
            self.unmatched.push(unmatched);
        } else {
            self.unmatched_more += 1;
        }
    }

    /// Enters a step; what was still to come in the one at hand comes first.
    pub(super) fn enter(&mut self, step: usize, now: Duration, events: &mut Vec<String>) {
        if step > self.step && self.index.steps[step].part == self.index.steps[self.step].part {
            while self.next_event < self.index.steps[self.step].events.end {
                events.extend(self.next_event());
            }
        } else {
            let entries = self.index.steps[step].entries.start..;
            self.served[entries].fill(false);
        }
        self.step = step;
        self.step_names.clear();
        self.stays_stopped = false;
        self.visited[step] = true;
        self.opened_at = now;
        self.released_at = now;
        self.next_event = self.index.steps[step].events.start;
    }
}

/// The event's text with the time of now.
fn stamped(text: String) -> String {
    #[derive(serde::Deserialize)]
    struct Stamp<'a> {
        #[serde(borrow)]
        timestamp: &'a serde_json::value::RawValue,
    }
    let Ok(stamp) = serde_json::from_str::<Stamp<'_>>(&text) else {
        return text;
    };
    let recorded = stamp.timestamp.get();
    let start = (recorded.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    let end = start + recorded.len();
    format!("{}{}{}", &text[..start], timestamp(), &text[end..])
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
