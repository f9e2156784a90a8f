// SPDX-License-Identifier: GPL-2.0-or-later
//! What a recorded request leads to: its answer, the events around it, the content that QEMU wrote.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::correct::{correct, depends};
use super::key::aliases;
use super::model::Model;
use super::names::Pair;
use super::relations::RELATIONS;
use super::state::{Mode, Replay, Timing};
use super::text::Kind;
use crate::core::{Call, Execution, Failure, Outcome};
use crate::json::{Object, respace};
use crate::recording::ReplyBody;
use crate::schema::{BUILTIN, pauses};

/// Recorded waits for a reply up to this long are the recording machine's, not the command's.
const SHORTEST_DELAY: Duration = Duration::from_millis(100);

impl Replay {
    /// Answers with an entry: with the events around it where it belongs to the step at hand.
    pub(super) fn serve(
        &mut self,
        number: usize,
        call: &mut Call<'_>,
        events: Vec<String>,
    ) -> Execution {
        let mut execution = Execution {
            before: events,
            ..Execution::default()
        };
        let here = self.index.step_of[number] == self.step;
        if let Err(failure) = self.write_content(number, call) {
            return Execution::fail(failure);
        }
        let recorded = self.recording.topic.entries[number].arguments.clone();
        let names = self.names.note(&recorded, call.arguments);
        let first = !std::mem::replace(&mut self.served[number], true);
        let topic = self.recording.topic.clone();
        let entry = &topic.entries[number];
        let reply_line = entry.reply.as_ref().map_or(usize::MAX, |reply| reply.line);
        if here && self.index.opens(number) {
            self.step_names.clone_from(&names);
        }
        self.note_leaving(call.command, call.arguments);
        if here {
            let again = !first && pauses(&entry.command);
            if again {
                let caused = topic.events.iter().enumerate();
                let caused =
                    caused.filter(|(_, event)| (entry.line..reply_line).contains(&event.line));
                for number in caused.map(|(number, _)| number) {
                    execution.before.extend(self.send_event(number));
                }
            }
            execution
                .before
                .extend(self.release_before(reply_line, call.now));
            if self.timing == Timing::Prompt {
                let next = topic
                    .entries
                    .get(number + 1)
                    .map_or(usize::MAX, |next| next.line);
                // What is removed is gone at once: whoever looks before its event sees it no more.
                let until = self.index.states.gone(number).unwrap_or_default();
                let until = next.max(until);
                execution.after.extend(self.release_before(until, call.now));
            }
        }
        let is_recorded = self.timing == Timing::Recorded;
        if let Some(reply) = entry.reply.as_ref().filter(|_| is_recorded) {
            let delay = Duration::from_millis(reply.at.saturating_sub(entry.at));
            execution.delay = if delay < SHORTEST_DELAY {
                Duration::ZERO
            } else {
                delay
            };
        }
        let corrected = self.corrected(number);
        if self.index.states.has_effect(number) {
            // What the client is told is what is so.
            if let Some(returned) = corrected.as_deref().or(topic.returned(entry)) {
                let mut model = self.model.clone();
                model.answered(&entry.command, call.arguments, &entry.arguments, returned);
                self.set_model(model);
            }
        }
        execution.outcome = self.outcome(number, corrected, &names);
        if entry.command == "x-exit-preconfig"
            && !matches!(execution.outcome, Some(Outcome::ErrorText(_)))
        {
            self.before_machine = false;
        }
        let closes = topic
            .parts
            .iter()
            .any(|part| part.closed && part.entries.end == number + 1);
        execution.quits = entry.command == "quit" || closes;
        execution
    }

    /// A device that is told to go goes with an event.
    pub(super) fn note_leaving(&mut self, command: &str, arguments: &Object) {
        let touched = Model::touches(command, arguments);
        if let Some((number, id, false)) = touched {
            if RELATIONS[number].gone.is_some() && self.model.has_added(&id) {
                self.leaving.insert(id);
            }
        }
    }

    /// Takes the step's events up to a line of the file.
    fn release_before(&mut self, line: usize, now: Duration) -> Vec<String> {
        let end = self.index.steps[self.step].events.end;
        let mut events = Vec::new();
        while self.next_event < end && self.topic().events[self.next_event].line < line {
            events.extend(self.next_event());
            self.released_at = now;
        }
        events
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
            let written = match self.place(to) {
                Some(place) => call.descriptors.write_file(&place, &wrote.data),
                None => call.descriptors.write(to, &wrote.data),
            };
            written.map_err(|error| {
                let reason = rustix::io::Errno::from_io_error(&error);
                let reason = reason.map_or_else(|| error.to_string(), |reason| reason.to_string());
                let reason = reason.split(" (os error").next().unwrap_or_default();
                Failure::generic(format!("Could not open '{to}': {reason}"))
            })?;
        }
        Ok(())
    }

    /// Where a file of this name is here, if that was said.
    fn place(&self, name: &str) -> Option<PathBuf> {
        let path = Path::new(name.strip_prefix("file:").unwrap_or(name));
        let (recorded, here) = self.folder.as_ref()?;
        path.strip_prefix(recorded).ok().map(|rest| here.join(rest))
    }

    fn outcome(
        &mut self,
        number: usize,
        corrected: Option<String>,
        names: &[Pair],
    ) -> Option<Outcome> {
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
        let kind = match body {
            ReplyBody::Error(_) => Kind::Error,
            _ if topic.entries[number].command == BUILTIN || text.starts_with(PROSE) => Kind::Prose,
            _ => Kind::Data,
        };
        let shared = match corrected {
            Some(text) => spaced(&self.as_sent(&text, kind, names)),
            None if self.names.is_empty() => self.replies[number]
                .get_or_insert_with(|| spaced(text))
                .clone(),
            None => spaced(&self.as_sent(text, kind, names)),
        };
        Some(match body {
            ReplyBody::Error(_) => Outcome::ErrorText(shared),
            _ => Outcome::Text(shared),
        })
    }
}

impl Replay {
    /// An answer of another state as it is in this one, where events and answers say that it
    /// differs.
    fn corrected(&self, number: usize) -> Option<String> {
        let then = self.index.states.before(number);
        let is_same = self.model_number == Some(then) && self.names.is_empty();
        if self.mode == Mode::Strict || is_same {
            return None;
        }
        let topic = self.topic();
        let entry = &topic.entries[number];
        if !depends(&entry.command, &entry.arguments) {
            return None;
        }
        let given = |number: usize| {
            let returned = topic.returned(&topic.entries[number])?;
            let then = self.index.states.model(self.index.states.before(number));
            Some((returned, then))
        };
        let key = self.index.ignored.key(&entry.command, &entry.arguments);
        // The nearest first.
        let mut others: Vec<usize> = self.index.candidates(&key).to_vec();
        others.sort_by_key(|&other| other.abs_diff(number));
        let others: Vec<_> = others.into_iter().filter_map(given).collect();
        correct(
            &entry.command,
            &entry.arguments,
            given(number)?,
            &self.model,
            &others,
        )
    }
}

/// How an answer begins that is text for people (`HumanReadableText`).
const PROSE: &str = "{\"human-readable-text\"";

pub(super) fn spaced(text: &str) -> Arc<[u8]> {
    let mut out = Vec::new();
    respace(&mut out, text);
    out.into()
}
