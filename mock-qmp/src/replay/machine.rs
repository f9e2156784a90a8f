// SPDX-License-Identifier: GPL-2.0-or-later
//! The machine itself: requests in, recorded answers out, events in their places.

use std::time::Duration;

use super::nearest::request_text;
use super::refuse::quits;
use super::state::{Mode, Replay, Timing};
use crate::core::{Backend, Call, Execution, Known, Leftovers, Outcome};
use crate::json::{Object, Value};
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
        let by_schema = self.schema().map(|schema| schema.command(name));
        let oob = by_schema.flatten().unwrap_or(OUT_OF_BAND.contains(&name));
        // An imported schema may be incomplete: what was answered was there.
        if by_schema == Some(None) && !self.answered(name) {
            if !self.index.knows(name) {
                let request = request_text(name, &Object::new());
                self.remember(request, "this QEMU has no such command", Vec::new());
            }
            return None;
        }
        Some(Known {
            oob,
            too_early: self.before_machine && !allowed_before_machine(name),
        })
    }

    fn execute(&mut self, mut call: Call<'_>) -> Execution {
        if DESCRIPTOR_COMMANDS.contains(&call.command) {
            if let Err(failure) = self.check(&call) {
                return Execution::fail(failure);
            }
            if let Some(outcome) = call.descriptors.execute(call.command, call.arguments) {
                return Execution::reply(outcome.map_or_else(Outcome::Error, Outcome::Value));
            }
        }
        let renamed = self.as_recorded(call.command, call.arguments);
        let arguments = renamed.as_ref().unwrap_or(call.arguments);
        let Some(found) = self.find(call.command, arguments) else {
            return self.unrecorded(&call);
        };
        let mut events = Vec::new();
        if found.enters {
            self.enter(self.index.step_of[found.entry], call.now, &mut events);
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
