// SPDX-License-Identifier: GPL-2.0-or-later
//! Requests that the recording does not hold.

use super::answer::spaced;
use super::model::Model;
use super::nearest::{differences, nearest, request_text};
use super::state::{Mode, Replay};
use crate::core::{Call, Difference, Execution, Failure, Outcome, Unmatched, shutdown};
use crate::json::{Object, Value};
use crate::recording::Entry;
use crate::schema::{BUILTIN, changes_state};

/// What is wrong with a request that QEMU refuses in this state.
pub(super) const IMPOSSIBLE: &str = "not possible in this state";

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
            self.miss(call, arguments, &failure.desc);
            return Execution::fail(failure);
        }
        if let Some(outcome) = quits(command, arguments) {
            return self.quit(outcome);
        }
        if let Some(text) = too_late(command).filter(|_| !self.before_machine) {
            return Execution::fail(Failure::generic(text));
        }
        if self.mode != Mode::Strict {
            let impossible = self.contradicted(command, call.arguments, arguments);
            let impossible =
                impossible.or_else(|| self.leads_nowhere(command, call.arguments, arguments));
            if let Some(execution) = impossible {
                self.miss(call, arguments, IMPOSSIBLE);
                return execution;
            }
        }
        match self.mode {
            Mode::Strict => self.refuse(call, arguments),
            Mode::Lenient => self.lacking(command, arguments),
            Mode::FreeReads => match self.of_this_qemu(command, arguments) {
                Some(execution) => execution,
                None => self.refuse(call, arguments),
            },
        }
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
        let desc = match self.topic().is_empty() {
            true => format!("no rule answers {command}, and there is no recording"),
            false => format!(
                "{command} was not recorded in {file}: a recording has its session's answers alone"
            ),
        };
        Execution::fail(match command {
            BUILTIN => Failure::not_found(desc),
            _ => Failure::generic(desc),
        })
    }

    fn refuse(&mut self, call: &Call<'_>, arguments: &Object) -> Execution {
        let problem = "not recorded in this state";
        let unmatched = self.miss(call, arguments, problem);
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
    /// `arguments` have the recorded names.
    pub(super) fn miss(&mut self, call: &Call<'_>, arguments: &Object, problem: &str) -> Unmatched {
        let command = call.command;
        let topic = self.topic();
        let near = nearest(&self.recording, command, arguments);
        let mut problem = problem.to_owned();
        let (mut cause, mut differing) = (None, Vec::new());
        let mut changed = None;
        match near.first().filter(|entry| entry.command == command) {
            Some(entry) => {
                let all = differences(arguments, &entry.arguments);
                let ignored = &self.index.ignored;
                let matters = |one: &Difference| ignored.matters(command, one);
                let differ: Vec<Difference> = all.into_iter().filter(matters).collect();
                // They are shown as they were sent.
                let is_one = |one: &Difference| differ.iter().any(|it| it.member == one.member);
                differing = differences(call.arguments, &entry.arguments);
                differing.retain(is_one);
                let number = topic
                    .entries
                    .iter()
                    .position(|other| other.line == entry.line);
                match number {
                    Some(number) if differing.is_empty() => {
                        // It is recorded, but elsewhere.
                        let then = self.index.states.model(self.index.states.before(number));
                        let state = self.model.differences(then);
                        cause = self.left_out(number, then);
                        if changes_state(command, arguments) {
                            changed = cause.clone().map(|cause| (number, cause));
                        }
                        if !state.is_empty() {
                            problem = format!("{problem}: {}", state.join(", "));
                        }
                    }
                    Some(number) if changes_state(command, arguments) => {
                        let what = self.not_done("not as recorded", number);
                        changed = Some((number, what.clone()));
                        cause = Some(what);
                    }
                    _ => {}
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
            request: request_text(command, call.arguments),
            problem,
            cause,
            nearest: near.iter().map(place).collect(),
            differences: differing,
        };
        self.changed.extend(changed);
        self.remember(unmatched.clone());
        unmatched
    }

    /// The first recorded change between here and an entry that nobody asked for, or that was asked
    /// for otherwise; of those that lead to the state `then`, if that is not the present one.
    fn left_out(&self, number: usize, then: &Model) -> Option<String> {
        let there = self.index.step_of[number];
        let states = &self.index.states;
        let differs = !self.model.agrees(then);
        let steps = self.step + 1..=there;
        let missed = steps.filter(|&step| !self.visited[step]);
        let opener = missed.filter_map(|step| {
            let opener = self.index.steps[step].opener?;
            // What failed changed nothing.
            let changed = opener != number && states.succeeded(opener);
            let leads = || {
                let change = (states.start_of(step), states.end(step));
                self.model.is_led(change, then)
            };
            (changed && (!differs || leads())).then_some(opener)
        });
        let opener = opener.min()?;
        let known = self.changed.get(&opener).cloned();
        Some(known.unwrap_or_else(|| self.not_done("left out", opener)))
    }

    fn not_done(&self, what: &str, entry: usize) -> String {
        let entry = self.entry(entry);
        let request = request_text(&entry.command, &entry.arguments);
        format!("{what}: {}: {request}", self.topic().place(entry.line))
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
