// SPDX-License-Identifier: GPL-2.0-or-later
//! The machine itself: requests in, recorded answers out, events in their places.

use std::time::Duration;

use super::find::Found;
use super::model::Event;
use super::nearest::request_text;
use super::refuse::{IMPOSSIBLE, quits};
use super::state::{Mode, Replay, Timing};
use crate::core::{Backend, Call, Execution, Failure, Known, Leftovers, Outcome, Unmatched};
use crate::json::Object;
use crate::recording::{QemuVersion, scrub_request};
use crate::schema::{DESCRIPTOR_COMMANDS, allowed_before_machine, changes_state};

/// Commands that may be sent out of band, where no schema says.
const OUT_OF_BAND: &[&str] = &["migrate-pause", "migrate-recover", "query-yank", "yank"];

/// Longest wait for an event in prompt timing.
const PROMPT_GAP: Duration = Duration::from_millis(100);

impl Replay {
    /// Whether the recording holds a success of this command.
    fn answered(&self, command: &str) -> bool {
        let topic = self.topic();
        let mut entries = topic.entries.iter();
        entries.any(|entry| entry.command == command && topic.returned(entry).is_some())
    }

    /// Whether the recording answers this.
    pub(crate) fn holds(&self, command: &str, arguments: &Object) -> bool {
        self.look_up(command, arguments).0.is_some()
    }

    /// What answers a request, and its arguments as the recording would hold them, where that makes
    /// a difference.
    fn look_up(&self, command: &str, arguments: &Object) -> (Option<Found>, Option<Object>) {
        // Secrets come with commands that change something.
        if self.names.is_empty() && !changes_state(command, arguments) {
            return (self.find(command, arguments, arguments), None);
        }
        let mut first = None;
        for reading in 0..self.names.readings() {
            let mut renamed = self.names.as_recorded(arguments, reading);
            scrub_request(command, &mut renamed);
            if let Some(found) = self.find(command, &renamed, arguments) {
                return (Some(found), Some(renamed));
            }
            first = first.or(Some(renamed));
        }
        // What a client calls its things may be a word that says something else here.
        (self.find(command, arguments, arguments), first)
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

    fn command(&mut self, name: &str) -> Option<Known> {
        let known = self.known(name);
        if known.is_none() && !self.index.knows(name) {
            let request = request_text(name, &Object::new());
            self.remember(Unmatched {
                request,
                problem: "this QEMU has no such command".to_owned(),
                ..Unmatched::default()
            });
        }
        known
    }

    fn known(&mut self, name: &str) -> Option<Known> {
        let by_schema = self.schema().map(|schema| schema.command(name));
        let oob = by_schema.flatten().unwrap_or(OUT_OF_BAND.contains(&name));
        // An imported schema may be incomplete: what was answered was there.
        if by_schema == Some(None) && !self.answered(name) {
            return None;
        }
        Some(Known {
            oob,
            too_early: self.before_machine && !allowed_before_machine(name),
        })
    }

    fn execute(&mut self, mut call: Call<'_>) -> Execution {
        if DESCRIPTOR_COMMANDS.contains(&call.command) {
            if let Err(failure) = self.checked(&call) {
                return Execution::fail(failure);
            }
            if let Some(outcome) = call.descriptors.execute(call.command, call.arguments) {
                return Execution::reply(outcome.map_or_else(Outcome::Error, Outcome::Value));
            }
        }
        let (found, renamed) = self.look_up(call.command, call.arguments);
        let arguments = renamed.as_ref().unwrap_or(call.arguments);
        let Some(found) = found else {
            let arguments = arguments.clone();
            return self.unrecorded(&call, &arguments);
        };
        let before = self.index.states.before(found.entry);
        let agrees = self.model.agrees(self.index.states.model(before));
        // Exactly what was recorded was possible.
        let is_strict = self.mode == Mode::Strict;
        let is_exact = is_strict && self.entry(found.entry).arguments == *call.arguments;
        let succeeded = self.index.states.succeeded(found.entry);
        if found.enters && !is_exact && (succeeded || !is_strict) {
            if let Some(execution) = self.contradicted(call.command, call.arguments, arguments) {
                if is_strict {
                    let arguments = arguments.clone();
                    self.miss(&call, &arguments, IMPOSSIBLE);
                }
                return execution;
            }
        }
        if !is_strict {
            if let Some(execution) = self.leads_nowhere(call.command, call.arguments, arguments) {
                return execution;
            }
        }
        let mut events = Vec::new();
        if found.enters {
            self.enter(self.index.step_of[found.entry], call.now, &mut events);
            // A strict replay is where the recording is. A lenient one may come from elsewhere: the
            // machine is what the client has made of it.
            if is_strict && !agrees {
                self.set_model(self.index.states.model(before).clone());
            }
        }
        self.serve(found.entry, &mut call, events)
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
            events.extend(self.next_event());
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
        self.set_model(self.index.states.end(step).clone());
        true
    }

    fn check(&self, command: &str, arguments: &Object) -> Result<(), Failure> {
        let release = self.recording.version().release();
        match self
            .schema()
            .filter(|schema| schema.command(command).is_some())
        {
            Some(schema) => schema.check(command, arguments, release),
            None => Ok(()),
        }
    }

    fn sent_event(&mut self, text: &str) {
        if let Some(event) = Event::read(text) {
            let mut model = self.model.clone();
            model.event(&event, &event, None);
            self.set_model(model);
        }
    }

    fn answered_before(&mut self, command: &str, arguments: &Object, returned: &str) {
        // What a look says is what the script's author wants to be seen, this time.
        if !changes_state(command, arguments) {
            return;
        }
        self.note_leaving(command, arguments);
        let mut model = self.model.clone();
        model.answered(command, arguments, arguments, returned);
        self.set_model(model);
    }

    fn refused(&mut self, command: &str, now: Duration) -> Vec<String> {
        let mut events = Vec::new();
        let next = self.step + 1;
        let topic = self.topic();
        let opener = self.index.steps.get(next).and_then(|step| step.opener);
        // A refused request changes nothing; the recorder could not know that.
        let same = opener.map(|opener| &topic.entries[opener]);
        if same.is_some_and(|entry| entry.command == command && topic.error(entry).is_some()) {
            self.enter(next, now, &mut events);
        }
        events
    }

    fn reset(&mut self) {
        self.start_again();
    }

    fn leftovers(&self) -> Leftovers {
        match self.mode {
            Mode::Lenient => Leftovers::default(),
            Mode::FreeReads => Leftovers {
                unmatched: self.unmatched.clone(),
                unmatched_more: self.unmatched_more,
                ..Leftovers::default()
            },
            Mode::Strict => Leftovers {
                unmatched: self.unmatched.clone(),
                unmatched_more: self.unmatched_more,
                moments: self.never_reached(),
                faults: Vec::new(),
            },
        }
    }
}

impl Replay {
    /// The recorded moments that were never reached, of the sessions that were begun.
    fn never_reached(&self) -> Vec<String> {
        let topic = self.topic();
        let steps = || self.index.steps.iter().zip(&self.visited);
        let begun =
            |part: usize| part == 0 || steps().any(|(step, visited)| step.part == part && *visited);
        let missed = steps().filter(|(step, visited)| !**visited && begun(step.part));
        let moments = missed.filter_map(|(step, _)| {
            let entry = step.opener.map(|opener| &topic.entries[opener]);
            if entry.is_some_and(|entry| quits(&entry.command, &entry.arguments).is_some()) {
                return None;
            }
            let what = entry.map_or_else(String::new, |entry| {
                format!(": {}", request_text(&entry.command, &entry.arguments))
            });
            let line = entry.map_or(step.line, |entry| entry.line);
            let moment = step.moment - topic.parts[step.part].moments;
            Some(format!("{}: moment {moment}{what}", topic.place(line)))
        });
        moments.collect()
    }
}
