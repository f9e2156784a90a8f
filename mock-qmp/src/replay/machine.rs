//! The machine itself: requests in, recorded answers out, events in their places.

use super::index::Index;
use super::key::{aliases, role_key};
use super::nearest::{nearest, request_text};
use crate::commands::{DESCRIPTOR_COMMANDS, changes_state, pauses};
use crate::json::{Object, Value, respace};
use crate::record::{SCRUBBED, scrub_request};
use crate::recording::{Entry, QemuVersion, Recording, Topic};
use crate::server::{
    Backend, Call, CommandStatus, Execution, Failure, Leftovers, Outcome, Unmatched,
};
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

/// Longest wait for an event in prompt timing.
const PROMPT_GAP: Duration = Duration::from_millis(100);

/// A replay of one topic.
#[derive(Debug)]
pub struct Replay {
    recording: Recording,
    index: Arc<Index>,
    mode: Mode,
    timing: Timing,
    step: usize,
    /// When the step began here.
    opened_at: Duration,
    /// When the last event was sent, or the step began.
    released_at: Duration,
    next_event: usize,
    attached: bool,
    served: Vec<bool>,
    visited: Vec<bool>,
    replies: Vec<Option<Arc<[u8]>>>,
    schema_reply: Option<Arc<[u8]>>,
    /// Strings that the client chose anew: (recorded, sent).
    aliases: Vec<(String, String)>,
    unmatched: Vec<Unmatched>,
}

/// Where an answer was found.
enum Found {
    /// In the step at hand.
    Here(usize),
    /// In a step that has to be entered first.
    Enter(usize),
    /// In another step, which is not entered.
    Elsewhere(usize),
}

impl Replay {
    /// A replay at the recording's start.
    pub fn new(recording: Recording) -> Self {
        let index = Arc::new(Index::new(&recording));
        let entries = recording.topic().entries().len();
        let mut visited = vec![false; index.steps.len()];
        visited[0] = true;
        Replay {
            recording,
            mode: Mode::default(),
            timing: Timing::default(),
            step: 0,
            opened_at: Duration::ZERO,
            released_at: Duration::ZERO,
            next_event: index.steps[0].events.start,
            attached: false,
            served: vec![false; entries],
            visited,
            replies: vec![None; entries],
            schema_reply: None,
            aliases: Vec::new(),
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

    fn topic(&self) -> &Topic {
        self.recording.topic()
    }

    fn entry(&self, entry: usize) -> &Entry {
        &self.topic().entries[entry]
    }

    fn find(&self, command: &str, arguments: &Object) -> Option<Found> {
        let candidates = self.index.candidates(&role_key(command, arguments));
        let last = self.index.steps.len() - 1;
        if changes_state(command, arguments) {
            let openers = || {
                candidates
                    .iter()
                    .copied()
                    .filter(|&entry| self.index.opens(entry))
            };
            let later = openers().find(|&entry| self.index.step_of[entry] > self.step);
            // Looking around, a client may want to go back to where it was.
            let back = || openers().rfind(|_| self.mode == Mode::Lenient);
            return later.or_else(back).map(Found::Enter);
        }
        let within = |step: usize| self.choose(candidates, step, arguments);
        if let Some(entry) = within(self.step) {
            return Some(Found::Here(entry));
        }
        let state = self.index.steps[self.step].state;
        let same_state = |step: &usize| self.index.steps[*step].state == state;
        if let Some(entry) = (0..=last).filter(same_state).find_map(within) {
            return Some(Found::Elsewhere(entry));
        }
        // What changed the state here was no request: the client cannot ask for it, so it has happened.
        let outside =
            (self.step + 1..=last).take_while(|&step| self.index.steps[step].opener.is_none());
        if let Some(entry) = outside.filter_map(within).next() {
            return Some(Found::Enter(entry));
        }
        if self.mode == Mode::Strict {
            return None;
        }
        let earlier = (0..self.step).rev().find_map(within);
        earlier
            .or_else(|| (self.step + 1..=last).find_map(within))
            .map(Found::Elsewhere)
    }

    /// The entry to answer with in this step: the same arguments before the same roles, in the recorded sequence,
    /// and the last one for ever.
    fn choose(&self, candidates: &[usize], step: usize, arguments: &Object) -> Option<usize> {
        let range = &self.index.steps[step].entries;
        let start = candidates.partition_point(|&entry| entry < range.start);
        let end = candidates.partition_point(|&entry| entry < range.end);
        let here = &candidates[start..end];
        let exact = || {
            here.iter()
                .copied()
                .filter(|&entry| self.entry(entry).arguments == *arguments)
        };
        let fresh = |entry: &usize| !self.served[*entry];
        if exact().next().is_some() {
            return exact().find(fresh).or_else(|| exact().next_back());
        }
        here.iter().copied().find(fresh).or(here.last().copied())
    }

    /// Enters a step; what was still to come in the one at hand comes first.
    fn enter(&mut self, step: usize, now: Duration, events: &mut Vec<String>) {
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

    fn serve(
        &mut self,
        number: usize,
        here: bool,
        call: &mut Call<'_>,
        events: Vec<String>,
    ) -> Execution {
        let mut execution = Execution {
            before: events,
            ..Execution::default()
        };
        if let Err(failure) = self.write_content(number, call) {
            return Execution::fail(failure);
        }
        self.note_aliases(number, call.arguments);
        let first = !std::mem::replace(&mut self.served[number], true);
        let topic = self.recording.topic.clone();
        let entry = &topic.entries[number];
        let reply_line = entry.reply.as_ref().map_or(usize::MAX, |reply| reply.line);
        if here {
            let again = !first && pauses(&entry.command);
            if again {
                let caused = topic
                    .events
                    .iter()
                    .filter(|event| (entry.line..reply_line).contains(&event.line));
                execution
                    .before
                    .extend(caused.map(|event| self.renamed(topic.event_text(event))));
            }
            execution
                .before
                .extend(self.release_before(reply_line, call.now));
            if self.timing == Timing::Prompt {
                let next = topic
                    .entries
                    .get(number + 1)
                    .map_or(usize::MAX, |next| next.line);
                execution.after.extend(self.release_before(next, call.now));
            }
        }
        if self.timing == Timing::Recorded
            && let Some(reply) = &entry.reply
        {
            execution.delay = Duration::from_millis(reply.at.saturating_sub(entry.at));
        }
        execution.outcome = self.outcome(number);
        let last = number + 1 == topic.entries.len();
        execution.quits = entry.command == "quit" || (last && topic.closed.is_some());
        execution
    }

    /// Takes the step's events up to a line of the file.
    fn release_before(&mut self, line: usize, now: Duration) -> Vec<String> {
        let end = self.index.steps[self.step].events.end;
        let mut events = Vec::new();
        while self.next_event < end && self.topic().events[self.next_event].line < line {
            events.push(self.event_text(self.next_event));
            self.next_event += 1;
            self.released_at = now;
        }
        events
    }

    fn event_text(&self, event: usize) -> String {
        let topic = self.topic();
        self.renamed(topic.event_text(&topic.events[event]))
    }

    /// Recorded text with the names that the client chose this time.
    fn renamed(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (recorded, sent) in &self.aliases {
            let quoted = |text: &str| serde_json::Value::from(text).to_string();
            let (recorded_text, sent_text) = (quoted(recorded), quoted(sent));
            text = if recorded.starts_with('/') {
                let inner = |text: &str| text[1..text.len() - 1].to_owned();
                text.replace(&inner(&recorded_text), &inner(&sent_text))
            } else {
                text.replace(&recorded_text, &sent_text)
            };
        }
        text
    }

    fn note_aliases(&mut self, number: usize, sent: &Object) {
        for pair in aliases(&self.entry(number).arguments, sent) {
            let descriptor = ["/proc/", "/dev/", "fd:"]
                .iter()
                .any(|start| pair.0.starts_with(start));
            if !descriptor && !pair.0.contains(SCRUBBED) {
                self.aliases.retain(|(recorded, _)| *recorded != pair.0);
                self.aliases.push(pair);
            }
        }
    }

    /// The arguments as the recording would hold them, where that makes a difference.
    fn as_recorded(&self, command: &str, arguments: &Object) -> Option<Object> {
        let may_hold_secrets = changes_state(command, arguments);
        if self.aliases.is_empty() && !may_hold_secrets {
            return None;
        }
        let Value::Object(mut renamed) = self.recorded_names(&Value::Object(arguments.clone()))
        else {
            return None;
        };
        scrub_request(command, &mut renamed);
        Some(renamed)
    }

    /// The arguments with the recorded names in place of those that the client chose.
    fn recorded_names(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => {
                let alias = self.aliases.iter().find(|(_, sent)| sent == text);
                Value::String(alias.map_or(text, |(recorded, _)| recorded).clone())
            }
            Value::Array(elements) => Value::Array(
                elements
                    .iter()
                    .map(|element| self.recorded_names(element))
                    .collect(),
            ),
            Value::Object(members) => {
                let renamed = members
                    .iter()
                    .map(|(key, value)| (key.clone(), self.recorded_names(value)));
                Value::Object(renamed.collect())
            }
            other => other.clone(),
        }
    }

    /// Writes what the real QEMU wrote, to where this request says.
    fn write_content(&self, number: usize, call: &mut Call<'_>) -> Result<(), Failure> {
        let entry = self.entry(number);
        let renamed = aliases(&entry.arguments, call.arguments);
        for wrote in &entry.wrote {
            let to = renamed
                .iter()
                .find(|(recorded, _)| *recorded == wrote.to)
                .map_or(&wrote.to, |(_, sent)| sent);
            call.descriptors.write(to, &wrote.data).map_err(|error| {
                let reason = rustix::io::Errno::from_io_error(&error);
                let reason = reason.map_or_else(|| error.to_string(), |reason| reason.to_string());
                let reason = reason.split(" (os error").next().unwrap_or_default();
                Failure::generic(format!("Could not open '{to}': {reason}"))
            })?;
        }
        Ok(())
    }

    fn outcome(&mut self, number: usize) -> Option<Outcome> {
        use crate::recording::ReplyBody;
        let topic = self.recording.topic.clone();
        let body = &topic.entries[number].reply.as_ref()?.body;
        let range = match body {
            ReplyBody::Schema => {
                let schema = self.recording.schema.clone();
                let text = self
                    .schema_reply
                    .get_or_insert_with(|| spaced(schema.as_deref().unwrap_or("[]")));
                return Some(Outcome::Text(text.clone()));
            }
            ReplyBody::Success(range) | ReplyBody::Error(range) => range,
        };
        let text = topic.slice(range);
        let shared = if self.aliases.is_empty() {
            self.replies[number]
                .get_or_insert_with(|| spaced(text))
                .clone()
        } else {
            spaced(&self.renamed(text))
        };
        Some(match body {
            ReplyBody::Error(_) => Outcome::ErrorText(shared),
            _ => Outcome::Text(shared),
        })
    }

    fn refuse(&mut self, command: &str, arguments: &Object, problem: &str) -> Execution {
        let near = nearest(&self.recording, command, arguments);
        let request = request_text(command, arguments);
        let hint = if near.is_empty() {
            String::new()
        } else {
            format!("; nearest: {}", near.join("; "))
        };
        let moment = self.index.steps[self.step].moment;
        let file = self.topic().path().display().to_string();
        let desc = format!("{problem} {file} (moment {moment}): {request}{hint}");
        self.remember(request, problem, near);
        Execution::fail(Failure::generic(desc))
    }

    fn remember(&mut self, request: String, problem: &str, nearest: Vec<String>) {
        if self.mode == Mode::Strict {
            self.unmatched.push(Unmatched {
                request,
                problem: problem.to_owned(),
                nearest,
            });
        }
    }

    /// What quit does where nobody recorded it.
    fn quit(&self, outcome: Value) -> Execution {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        let event = serde_json::json!({
            "timestamp": {"seconds": now.as_secs(), "microseconds": now.subsec_micros()},
            "event": "SHUTDOWN",
            "data": {"guest": false, "reason": "host-qmp-quit"},
        });
        Execution {
            before: vec![event.to_string()],
            outcome: Some(Outcome::Value(outcome)),
            quits: true,
            ..Execution::default()
        }
    }
}

fn spaced(text: &str) -> Arc<[u8]> {
    let mut out = Vec::new();
    respace(&mut out, text);
    out.into()
}

/// Whether this ends QEMU, and what it returns.
fn quits(command: &str, arguments: &Object) -> Option<Value> {
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

    fn command(&mut self, _name: &str) -> CommandStatus {
        CommandStatus::Known {
            oob: true,
            unavailable: None,
        }
    }

    fn execute(&mut self, mut call: Call<'_>) -> Execution {
        if DESCRIPTOR_COMMANDS.contains(&call.command)
            && let Some(outcome) = call.descriptors.execute(call.command, call.arguments)
        {
            return Execution::reply(outcome);
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
            None => match quits(call.command, call.arguments) {
                Some(outcome) => self.quit(outcome),
                None => self.refuse(call.command, call.arguments, "not recorded in"),
            },
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
        let Some(step) = self
            .index
            .steps
            .iter()
            .position(|step| step.moment == number)
        else {
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
