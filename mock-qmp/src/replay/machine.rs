//! The machine itself: requests in, recorded answers out, events in their places.

use super::find::Found;
use super::index::Index;
use super::names::Names;
use super::nearest::request_text;
use crate::core::{Backend, Call, CommandStatus, Execution, Leftovers, Unavailable, Unmatched};
use crate::json::{Object, Value};
use crate::recording::scrub_request;
use crate::recording::{Entry, QemuVersion, Recording, Topic};
use crate::schema::{DESCRIPTOR_COMMANDS, changes_state};
use crate::schema::{Schema, allowed_before_machine};
use std::cell::OnceCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

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

/// Commands that may be sent out of band, where no schema tells.
const OUT_OF_BAND: &[&str] = &["migrate-pause", "migrate-recover", "query-yank", "yank"];

/// Recorded waits for a reply up to this long are the recording machine's, not the command's.
pub(super) const SHORTEST_DELAY: Duration = Duration::from_millis(100);

/// Longest wait for an event in prompt timing.
const PROMPT_GAP: Duration = Duration::from_millis(100);

/// A replay of one topic.
#[derive(Debug)]
pub struct Replay {
    pub(super) recording: Recording,
    pub(super) index: Arc<Index>,
    pub(super) mode: Mode,
    pub(super) timing: Timing,
    /// The folder that stood for the recorded machine's files, and the one that stands for it here.
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
        Replay {
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

    /// Whether the recording holds a success of this command.
    fn answered(&self, command: &str) -> bool {
        let topic = self.topic();
        let mut entries = topic.entries.iter();
        entries.any(|entry| entry.command == command && topic.returned(entry).is_some())
    }

    /// The arguments as the recording would hold them, where that makes a difference.
    fn as_recorded(&self, command: &str, arguments: &Object) -> Option<Object> {
        // Secrets come with commands that change something.
        if self.names.is_empty() && !changes_state(command, arguments) {
            return None;
        }
        let Value::Object(mut renamed) = self.names.as_recorded(&Value::Object(arguments.clone()))
        else {
            return None;
        };
        scrub_request(command, &mut renamed);
        Some(renamed)
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

/// Whether QEMU was told to wait before it sets up the machine.
fn starts_before_machine(recording: &Recording) -> bool {
    let arguments = recording
        .machine()
        .map_or(&[][..], |machine| &machine.arguments);
    arguments
        .iter()
        .any(|word| word == "--preconfig" || word == "-preconfig")
}

/// Whether this ends QEMU, and what it returns.
pub(super) fn quits(command: &str, arguments: &Object) -> Option<Value> {
    match command {
        "quit" if arguments.is_empty() => Some(Value::Object(Object::new())),
        "human-monitor-command" => {
            let line = arguments.get("command-line")?.as_str()?.trim();
            matches!(line, "quit" | "q").then(|| Value::String(String::new()))
        }
        _ => None,
    }
}

impl Backend for Replay {
    fn version(&self) -> &QemuVersion {
        self.recording.version()
    }

    fn greeting(&self) -> Option<String> {
        self.topic().greeting().map(str::to_owned)
    }

    fn first_descriptor(&self) -> Option<i64> {
        let topic = self.topic();
        let entry = topic
            .entries
            .iter()
            .find(|entry| entry.command == "add-fd")?;
        let returned: serde_json::Value = serde_json::from_str(topic.returned(entry)?).ok()?;
        returned.get("fd")?.as_i64()
    }

    fn command(&mut self, name: &str) -> CommandStatus {
        let by_schema = self.schema().map(|schema| schema.command(name));
        let oob = by_schema.flatten().unwrap_or(OUT_OF_BAND.contains(&name));
        // An imported schema may be incomplete: what was answered was there.
        if by_schema == Some(None) && !self.answered(name) {
            if !self.index.knows(name) {
                let request = request_text(name, &Object::new());
                self.remember(request, "this QEMU has no such command", Vec::new());
            }
            return CommandStatus::Unknown;
        }
        let early = self.before_machine && !allowed_before_machine(name);
        CommandStatus::Known {
            oob,
            unavailable: early.then_some(Unavailable::BeforeMachine),
        }
    }

    fn execute(&mut self, mut call: Call<'_>) -> Execution {
        if DESCRIPTOR_COMMANDS.contains(&call.command) {
            if let Err(failure) = self.check(&call) {
                return Execution::fail(failure);
            }
            if let Some(outcome) = call.descriptors.execute(call.command, call.arguments) {
                return Execution::reply(outcome);
            }
        }
        let renamed = self.as_recorded(call.command, call.arguments);
        let arguments = renamed.as_ref().unwrap_or(call.arguments);
        match self.find(call.command, arguments) {
            Some(Found::Here(entry)) => self.serve(entry, true, &mut call, Vec::new()),
            Some(Found::Elsewhere(entry)) => self.serve(entry, false, &mut call, Vec::new()),
            Some(Found::Enter(entry)) => {
                let mut events = Vec::new();
                self.enter(self.index.step_of[entry], call.now, &mut events);
                self.serve(entry, true, &mut call, events)
            }
            None => self.unrecorded(&call),
        }
    }

    fn attached(&mut self, now: Duration) {
        if !std::mem::replace(&mut self.attached, true) {
            self.opened_at = now;
            self.released_at = now;
        }
    }

    fn deadline(&self) -> Option<Duration> {
        let step = &self.index.steps[self.step];
        if !self.attached || self.next_event >= step.events.end {
            return None;
        }
        let events = &self.topic().events;
        let event = &events[self.next_event];
        let since = |at: u64| Duration::from_millis(event.at.saturating_sub(at));
        Some(match self.timing {
            Timing::Recorded => self.opened_at + since(step.at),
            Timing::Prompt => {
                let before = if self.next_event > step.events.start {
                    events[self.next_event - 1].at
                } else {
                    step.at
                };
                self.released_at + since(before).min(PROMPT_GAP)
            }
        })
    }

    fn due(&mut self, now: Duration) -> Vec<String> {
        let mut events = Vec::new();
        while self.deadline().is_some_and(|deadline| deadline <= now) {
            self.released_at = self.deadline().unwrap_or(now);
            events.push(self.event_text(self.next_event));
            self.next_event += 1;
        }
        events
    }

    fn go_to_moment(&mut self, number: u32, now: Duration) -> bool {
        if self.index.steps[self.step].moment == number {
            return true;
        }
        let steps = &self.index.steps;
        let Some(step) = steps.iter().position(|step| step.moment == number) else {
            return false;
        };
        self.enter(step, now, &mut Vec::new());
        self.next_event = self.index.steps[step].events.end;
        true
    }

    fn leftovers(&self) -> Leftovers {
        if self.mode == Mode::Lenient {
            return Leftovers::default();
        }
        let topic = self.topic();
        let missed = self
            .index
            .steps
            .iter()
            .zip(&self.visited)
            .filter(|(_, visited)| !**visited);
        let moments = missed.filter_map(|(step, _)| {
            let entry = step.opener.map(|opener| &topic.entries[opener]);
            if entry.is_some_and(|entry| quits(&entry.command, &entry.arguments).is_some()) {
                return None;
            }
            let what = entry.map_or_else(String::new, |entry| {
                format!(": {}", request_text(&entry.command, &entry.arguments))
            });
            let line = entry.map_or(step.line, |entry| entry.line);
            Some(format!(
                "{}:{line}: moment {}{what}",
                topic.path().display(),
                step.moment
            ))
        });
        Leftovers {
            unmatched: self.unmatched.clone(),
            moments: moments.collect(),
            faults: Vec::new(),
        }
    }
}
