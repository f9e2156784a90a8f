// SPDX-License-Identifier: GPL-2.0-or-later
//! Requests that the recording does not hold.

use super::answer::spaced;
use super::model::{Model, contradiction};
use super::nearest::{differences, nearest, request_text};
use super::state::{Mode, Replay};
use crate::core::{Call, Difference, Execution, Failure, Outcome, Unmatched, shutdown};
use crate::json::{Object, Value};
use crate::recording::Entry;
use crate::schema::BUILTIN;

impl Replay {
    /// Checks the arguments against the schema, if there is one.
    pub(super) fn checked(&self, call: &Call<'_>) -> Result<(), Failure> {
        let release = self.recording.version().release();
        self.schema().map_or(Ok(()), |schema| {
            schema.check(call.command, call.arguments, release)
        })
    }

    /// A request that was not recorded: QEMU's own words where it would refuse it. `arguments` are
    /// those that were looked up, with recorded names.
    pub(super) fn unrecorded(&mut self, call: &Call<'_>, arguments: &Object) -> Execution {
        let command = call.command;
        if let Err(failure) = self.checked(call) {
            self.miss(command, arguments, &failure.desc);
            return Execution::fail(failure);
        }
        if let Some(outcome) = quits(command, arguments) {
            return self.quit(outcome);
        }
        if let Some(text) = too_late(command).filter(|_| !self.before_machine) {
            return Execution::fail(Failure::generic(text));
        }
        if let Some(failure) = self.contradicted(command, arguments) {
            self.miss(command, arguments, &failure.desc);
            return Execution::fail(failure);
        }
        match self.mode {
            Mode::Strict => self.refuse(command, arguments),
            Mode::Lenient => self.lacking(command, arguments),
            Mode::FreeReads => match self.of_this_qemu(command, arguments) {
                Some(execution) => execution,
                None => self.refuse(command, arguments),
            },
        }
    }

    /// QEMU's error where a request adds what is there, or removes what is not, by the events and
    /// answers so far.
    pub(super) fn contradicted(&self, command: &str, arguments: &Object) -> Option<Failure> {
        let (number, id, adds) = Model::touches(command, arguments)?;
        let possible = self.model.holds(number, &id) != adds;
        if self.mode == Mode::Strict || possible || !self.index.states.adds(number, &id) {
            return None;
        }
        let (class, desc) = contradiction(number, &id, adds);
        Some(Failure { class, desc })
    }

    /// What is known without having been recorded: the built-in monitor's text, where a line for it
    /// was typed there at about this moment, and what the schema and the greeting say.
    fn of_this_qemu(&self, command: &str, arguments: &Object) -> Option<Execution> {
        if let Some(text) = self.builtin(command, arguments) {
            return Some(Execution::reply(Outcome::Value(Value::String(text))));
        }
        let text = match command {
            "query-version" => self.recording.version().to_json().to_string(),
            "query-target" => {
                let machine = self.recording.machine()?;
                serde_json::json!({"arch": machine.arch}).to_string()
            }
            "query-qmp-schema" => self.recording.schema()?.to_owned(),
            "query-commands" => {
                let names = self.schema()?.commands();
                let list = names
                    .into_iter()
                    .map(|name| serde_json::json!({"name": name}));
                serde_json::Value::Array(list.collect()).to_string()
            }
            _ => return None,
        };
        Some(Execution::reply(Outcome::Text(spaced(&text))))
    }

    /// A lenient replay's answer to what was not recorded: one sentence, where nothing else is known.
    /// For a line that was typed nowhere, this QEMU is as one without the built-in monitor.
    fn lacking(&self, command: &str, arguments: &Object) -> Execution {
        if let Some(execution) = self.of_this_qemu(command, arguments) {
            return execution;
        }
        let file = self.topic().path().display();
        let desc = format!(
            "{command} was not recorded in {file}: a recording has its session's answers alone"
        );
        Execution::fail(match command {
            BUILTIN => Failure::not_found(desc),
            _ => Failure::generic(desc),
        })
    }

    fn refuse(&mut self, command: &str, arguments: &Object) -> Execution {
        let problem = "not recorded in this state";
        let unmatched = self.miss(command, arguments, problem);
        let file = self.topic().path().display().to_string();
        let moment = self.index.steps[self.step].moment;
        let mut desc = format!(
            "not recorded in {file} (moment {moment}): {}",
            unmatched.request
        );
        let why = unmatched.cause.iter().cloned();
        let why = why.chain(unmatched.differences.iter().map(ToString::to_string));
        for hint in why {
            desc.push_str("; ");
            desc.push_str(&hint);
        }
        if !unmatched.nearest.is_empty() {
            desc.push_str("; nearest: ");
            desc.push_str(&unmatched.nearest.join("; "));
        }
        Execution::fail(Failure::generic(desc))
    }

    /// Describes a request that the recording does not hold, and keeps that for the report.
    pub(super) fn miss(&mut self, command: &str, arguments: &Object, problem: &str) -> Unmatched {
        let topic = self.topic();
        let near = nearest(&self.recording, command, arguments);
        let mut problem = problem.to_owned();
        let (mut cause, mut differing) = (None, Vec::new());
        match near.first().filter(|entry| entry.command == command) {
            Some(entry) => {
                let all = differences(arguments, &entry.arguments);
                let ignored = &self.index.ignored;
                let matters = |one: &Difference| ignored.matters(command, one);
                differing = all.into_iter().filter(matters).collect();
                if differing.is_empty() {
                    // It is recorded, but elsewhere.
                    let number = topic
                        .entries
                        .iter()
                        .position(|other| other.line == entry.line);
                    cause = number.and_then(|number| self.left_out(number));
                    let then = number
                        .map(|number| self.index.states.model(self.index.states.before(number)));
                    let state = then.map_or_else(Vec::new, |then| self.model.differences(then));
                    if !state.is_empty() {
                        problem = format!("{problem}: {}", state.join(", "));
                    }
                }
            }
            None if problem.starts_with("not recorded") => {
                problem = format!("{command} was not recorded at all");
            }
            None => {}
        }
        let place = |entry: &&Entry| {
            let request = request_text(&entry.command, &entry.arguments);
            format!("{}: {request}", topic.place(entry.line))
        };
        let unmatched = Unmatched {
            request: request_text(command, arguments),
            problem,
            cause,
            nearest: near.iter().map(place).collect(),
            differences: differing,
        };
        self.remember(unmatched.clone());
        unmatched
    }

    /// The first recorded change between here and an entry that nobody asked for.
    fn left_out(&self, number: usize) -> Option<String> {
        let topic = self.topic();
        let there = self.index.step_of[number];
        let steps = self.index.steps.get(self.step + 1..=there)?;
        let openers = steps.iter().zip(&self.visited[self.step + 1..]);
        let missed = openers.filter(|(_, visited)| !**visited);
        let mut missed = missed.filter_map(|(step, _)| step.opener);
        // What failed changed nothing.
        let changed = |opener: usize| topic.error(&topic.entries[opener]).is_none();
        let opener = missed.find(|&opener| opener != number && changed(opener))?;
        let entry = &topic.entries[opener];
        let request = request_text(&entry.command, &entry.arguments);
        Some(format!("left out: {}: {request}", topic.place(entry.line)))
    }

    /// What quit does where nobody recorded it.
    fn quit(&self, outcome: Value) -> Execution {
        Execution {
            before: vec![shutdown("host-qmp-quit")],
            outcome: Some(Outcome::Value(outcome)),
            quits: true,
            ..Execution::default()
        }
    }
}

/// Whether this ends QEMU, and what it returns.
pub(super) fn quits(command: &str, arguments: &Object) -> Option<Value> {
    match command {
        "quit" if arguments.is_empty() => Some(Value::Object(Object::new())),
        BUILTIN => {
            let line = arguments.get("command-line")?.as_str()?.trim();
            matches!(line, "quit" | "q").then(|| Value::String(String::new()))
        }
        _ => None,
    }
}

/// What QEMU says to commands that only `--preconfig` allows, once there is a machine.
fn too_late(command: &str) -> Option<&'static str> {
    match command {
        "x-exit-preconfig" => Some("The command is permitted only before machine initialization"),
        "set-numa-node" => {
            Some("The command is permitted only before the machine has been created")
        }
        _ => None,
    }
}
