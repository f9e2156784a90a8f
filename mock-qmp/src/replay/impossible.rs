// SPDX-License-Identifier: GPL-2.0-or-later
//! Requests that QEMU would refuse in the present state, whatever is recorded: they add what is there,
//! or need what is not.

use super::model::{Model, Thing, contradiction};
use super::relations::{CONTAINED, JOB_COMMANDS, LISTS, List, NODE, RELATIONS, RUNNING, Relation};
use super::state::Replay;
use super::text::{is_part, name_in};
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
        if self.is_possible(command, arguments, recorded)? {
            return None;
        }
        let is_line = command == BUILTIN;
        let of_a_job = job_command(command).is_some() || self.has_job(arguments);
        let (class, desc) = match Model::touches(command, arguments) {
            _ if self.is_left(command, arguments) => ("GenericError", POSTMIGRATE.to_owned()),
            _ if of_a_job => job_error(command, arguments)?,
            Some((number, id, false)) if self.is_in_use(number, &id) => {
                ("GenericError", format!("Node {id} is in use"))
            }
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
        if self.has_job(arguments) || self.is_left(command, arguments) {
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
            match later {
                true => Some(false),
                false => self.is_listed(number, &id),
            }
        })?;
        Some(there != adds && (adds || !self.is_in_use(number, &id)))
    }

    /// Whether this is a migration of a machine that a migration has left already.
    fn is_left(&self, command: &str, arguments: &Object) -> bool {
        let resumes = arguments.get("resume") == Some(&Value::Bool(true));
        let line = text(arguments, "command-line").unwrap_or_default();
        let mut words = line.split_whitespace();
        let is_line = command == BUILTIN && words.next() == Some("migrate");
        let resumes = resumes || words.any(|word| word == "-r");
        (command == "migrate" || is_line) && self.model.run == "postmigrate" && !resumes
    }

    fn is_in_use(&self, number: usize, id: &str) -> bool {
        RELATIONS[number].kind == NODE && self.model.is_used(id)
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

    /// Whether something is there from the start: it is, if it is listed then; it is not, if answers
    /// that list all of its kind never name it.
    fn is_listed(&self, number: usize, name: &str) -> Option<bool> {
        let topic = self.topic();
        let Relation { kind, listed, .. } = &RELATIONS[number];
        let (mut is_asked, mut is_named) = (false, false);
        for (number, entry) in topic.entries.iter().enumerate() {
            let Some(answer) = topic.returned(entry) else {
                continue;
            };
            let asked = (&*entry.command, &entry.arguments);
            let mut lists = LISTS.iter().filter(|list| list.of.is(asked.0, asked.1));
            let names = |list: &List| list.kind == *kind && list.names(answer, name);
            if self.index.is_at_start(number) && lists.any(names) {
                return Some(true);
            }
            if listed.iter().any(|all| all.is(asked.0, asked.1)) {
                is_asked = true;
                // In JSON and in text for people alike.
                is_named |= answer.split(|c| !is_part(c)).any(|word| word == name);
            }
        }
        (is_asked && !is_named).then_some(false)
    }

    /// QEMU's error where a QOM path leads through something that is not there.
    pub(super) fn leads_nowhere(
        &self,
        command: &str,
        arguments: &Object,
        recorded: &Object,
    ) -> Option<Execution> {
        if !["qom-list", "qom-get", "qom-set"].contains(&command) {
            return None;
        }
        let path = text(arguments, "path")?;
        let (container, name) = name_in(path)?;
        let kind = CONTAINED.iter().find(|(start, _)| *start == container)?.1;
        let number = RELATIONS.iter().position(|it| it.kind == kind)?;
        let there = self.model.holds(number, name);
        let recorded = text(recorded, "path").and_then(name_in);
        let mut names = recorded.iter().map(|(_, name)| *name).chain([name]);
        let later = names.any(|name| self.index.states.adds(number, name));
        let gone = there == Some(false) || there.is_none() && later;
        let desc = format!("Device '{path}' not found");
        gone.then(|| Execution::fail(Failure::no_device(desc)))
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

/// What `migrate` says where a migration has left the machine (`migrate_prepare` of QEMU 7.2 to 11.1).
const POSTMIGRATE: &str = "Can't migrate the vm that was paused due to previous migration";

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
