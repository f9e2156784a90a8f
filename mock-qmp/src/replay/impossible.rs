// SPDX-License-Identifier: GPL-2.0-or-later
//! Requests that QEMU would refuse in the present state, whatever is recorded: they add what is there,
//! or need what is not.

use super::model::{Model, Thing, contradiction};
use super::relations::{Asked, JOB_COMMANDS, RELATIONS, RUNNING};
use super::state::{Mode, Replay};
use crate::core::{Execution, Failure, Outcome, timestamp};
use crate::json::{Object, Value};
use crate::schema::BUILTIN;

impl Replay {
    /// QEMU's error to a request that is impossible, by the events and answers so far. `recorded`
    /// are its arguments with recorded names.
    pub(super) fn contradicted(
        &mut self,
        command: &str,
        arguments: &Object,
        recorded: &Object,
    ) -> Option<Execution> {
        if self.mode == Mode::Strict || self.is_possible(command, arguments, recorded)? {
            return None;
        }
        let is_line = command == BUILTIN;
        let of_a_job = job_command(command).is_some() || self.has_job(arguments);
        let (class, desc) = match Model::touches(command, arguments) {
            _ if of_a_job => job_error(command, arguments)?,
            Some((number, id, adds)) => contradiction(number, &id, adds, is_line)?,
            None if is_line => return self.lacks(&Model::needs(command, arguments)?),
            // What a job needs, the job finds out.
            None => return None,
        };
        Some(match is_line {
            true => said(&desc),
            false => Execution::fail(Failure { class, desc }),
        })
    }

    /// Whether what a request adds is not there, or what it removes or needs is; `None` where
    /// nothing is known of it.
    pub(super) fn is_possible(
        &self,
        command: &str,
        arguments: &Object,
        recorded: &Object,
    ) -> Option<bool> {
        if self.has_job(arguments) {
            return Some(false);
        }
        if let Some((_, member, ..)) = job_command(command) {
            let id = text(arguments, member)?;
            let is_known = self.model.jobs.contains_key(id);
            let was = text(recorded, member).is_some_and(|id| self.index.states.had_job(id));
            let is_watched = was || self.index.states.has_jobs() && !self.speaks_of(id);
            return (is_known || is_watched).then_some(is_known);
        }
        let thing = |arguments: &Object| match Model::touches(command, arguments) {
            Some((number, id, adds)) => Some(((number, id), adds)),
            None => Model::needs(command, arguments).map(|thing| (thing, false)),
        };
        let ((number, id), adds) = thing(arguments)?;
        // The built-in monitor's `savevm` takes another's place.
        if command == BUILTIN && adds && RELATIONS[number].duplicate.is_none() {
            return None;
        }
        let there = self.model.holds(number, &id).or_else(|| {
            // What is added later on is not there at the start.
            let recorded = thing(recorded).map(|((_, id), _)| id);
            let mut names = recorded.iter().chain([&id]);
            let later = names.any(|id| self.index.states.adds(number, id));
            (later || self.is_missing(number, &id)).then_some(false)
        })?;
        Some(there != adds)
    }

    /// Whether the job that a request starts is there already.
    fn has_job(&self, arguments: &Object) -> bool {
        text(arguments, "job-id").is_some_and(|id| self.model.jobs.contains_key(id))
    }

    /// Whether a name is anywhere in the recording.
    fn speaks_of(&self, name: &str) -> bool {
        let quoted = serde_json::Value::from(name).to_string();
        self.topic().text().contains(&quoted)
    }

    /// Whether the recording shows that something is not there: it lists all of its kind, and has
    /// not the name.
    fn is_missing(&self, number: usize, name: &str) -> bool {
        let topic = self.topic();
        let listed = RELATIONS[number].listed;
        let answers = topic.entries.iter().filter(|entry| {
            let is_asked = |asked: &Asked| asked.is(&entry.command, &entry.arguments);
            listed.iter().any(is_asked)
        });
        let mut answers = answers.filter_map(|entry| topic.returned(entry)).peekable();
        // In JSON, and in text for people.
        let part = |c: char| !(c.is_alphanumeric() || "_-.".contains(c));
        let names = |answer: &str| answer.split(part).any(|word| word == name);
        answers.peek().is_some() && !answers.any(names)
    }

    /// The built-in monitor's answer where something is needed that is not there.
    fn lacks(&mut self, (number, id): &Thing) -> Option<Execution> {
        let need = RELATIONS[*number].needs?;
        let mut execution = said(&need.missing.replace("{}", id));
        if self.model.run == RUNNING {
            let stop = format!("{{\"timestamp\": {}, \"event\": \"STOP\"}}", timestamp());
            execution.before.push(stop);
            let mut model = self.model.clone();
            need.stops.clone_into(&mut model.run);
            self.set_model(model);
        }
        Some(execution)
    }
}

fn text<'a>(arguments: &'a Object, member: &str) -> Option<&'a str> {
    arguments.get(member).and_then(Value::as_str)
}

type JobCommand = (
    &'static [&'static str],
    &'static str,
    &'static str,
    &'static str,
);

/// How a command names its job, and the error where that is not there.
fn job_command(command: &str) -> Option<&'static JobCommand> {
    let mut rows = JOB_COMMANDS.iter();
    rows.find(|(commands, ..)| commands.contains(&command))
}

/// QEMU's error where a job is not there, or there already (`job.c`).
fn job_error(command: &str, arguments: &Object) -> Option<(&'static str, String)> {
    match job_command(command) {
        Some((_, member, class, desc)) => {
            Some((class, desc.replace("{}", text(arguments, member)?)))
        }
        None => {
            let id = text(arguments, "job-id")?;
            Some(("GenericError", format!("Job ID '{id}' already in use")))
        }
    }
}

/// The built-in monitor's answer to a line that fails.
fn said(desc: &str) -> Execution {
    let text = format!("Error: {desc}\r\n");
    Execution::reply(Outcome::Value(Value::String(text)))
}
