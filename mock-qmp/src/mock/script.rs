// SPDX-License-Identifier: GPL-2.0-or-later
//! A machine made of a few canned answers, alone or in front of a recording.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::core::{Backend, Call, Execution, Failure, Known, Leftovers, Link, Outcome};
use crate::json::Value;
use crate::recording::{Content, QemuVersion};

/// A canned answer.
#[derive(Debug, Clone)]
#[must_use]
pub struct Answer {
    execution: Execution,
    content: Vec<(String, Content)>,
}

impl From<serde_json::Value> for Answer {
    fn from(value: serde_json::Value) -> Self {
        Self {
            execution: Execution::reply(Outcome::Value(Value::from(value))),
            content: Vec::new(),
        }
    }
}

impl Answer {
    /// An error reply; classes are `GenericError`, `CommandNotFound`, `DeviceNotActive`,
    /// `DeviceNotFound`, `KVMMissingCap`.
    pub fn error(class: &'static str, desc: impl Into<String>) -> Self {
        let failure = Failure {
            class,
            desc: desc.into(),
        };
        Self {
            execution: Execution::fail(failure),
            content: Vec::new(),
        }
    }

    /// No reply at all.
    pub fn silence() -> Self {
        Self {
            execution: Execution::default(),
            content: Vec::new(),
        }
    }

    /// An event right before the reply.
    pub fn event_before(mut self, event: &serde_json::Value) -> Self {
        self.execution.before.push(event.to_string());
        self
    }

    /// An event right after the reply.
    pub fn event_after(mut self, event: &serde_json::Value) -> Self {
        self.execution.after.push(event.to_string());
        self
    }

    /// The command runs for so long.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.execution.delay = delay;
        self
    }

    /// Content that goes to the file or passed descriptor that the named argument (`filename`,
    /// `protocol`) points to.
    pub fn content(mut self, argument: &str, content: impl AsRef<[u8]>) -> Self {
        self.content
            .push((argument.to_owned(), Content::from(content.as_ref())));
        self
    }

    /// QEMU ends with the reply.
    pub fn quits(mut self) -> Self {
        self.execution.quits = true;
        self
    }
}

type Handler = Box<dyn FnMut(&serde_json::Value) -> Answer + Send>;

/// Answers by command, in front of another machine if there is one.
pub(crate) struct Script {
    pub(crate) version: QemuVersion,
    pub(crate) handlers: BTreeMap<String, Handler>,
    pub(crate) behind: Option<Box<dyn Backend>>,
}

impl Script {
    fn run(&mut self, call: &mut Call<'_>) -> Option<Execution> {
        let handler = self.handlers.get_mut(call.command)?;
        let arguments = serde_json::Value::from(&Value::Object(call.arguments.clone()));
        let answer = handler(&arguments);
        for (argument, content) in &answer.content {
            let to = call
                .arguments
                .get(argument)
                .and_then(|to| to.as_str())
                .unwrap_or_default();
            if call.descriptors.write_as_named(to, content).is_err() {
                let text = format!("Could not open '{to}': No such file or directory");
                return Some(Execution::fail(Failure::generic(text)));
            }
        }
        if let (Some(behind), Some(Outcome::Value(value))) =
            (&mut self.behind, &answer.execution.outcome)
        {
            let returned = serde_json::Value::from(value).to_string();
            behind.answered_before(call.command, call.arguments, &returned);
        }
        Some(answer.execution)
    }

    /// The names of the scripted commands and of what every QEMU has.
    fn names(&self) -> Vec<String> {
        let own = [
            "qmp_capabilities",
            "query-commands",
            "query-version",
            "quit",
        ]
        .map(str::to_owned);
        self.handlers.keys().cloned().chain(own).collect()
    }

    fn query_commands(&mut self, call: Call<'_>) -> Execution {
        let entry = |name: String| Value::Object([("name".to_owned(), Value::String(name))].into());
        let Some(behind) = &mut self.behind else {
            let list = self.names().into_iter().map(entry).collect();
            return Execution::reply(Outcome::Value(Value::Array(list)));
        };
        let mut execution = behind.execute(call);
        let text = match &execution.outcome {
            Some(Outcome::Text(text)) => serde_json::from_slice::<serde_json::Value>(text)
                .map(Value::from)
                .ok(),
            Some(Outcome::Value(value)) => Some(value.clone()),
            _ => None,
        };
        if let Some(Value::Array(mut list)) = text {
            list.extend(self.handlers.keys().cloned().map(entry));
            execution.outcome = Some(Outcome::Value(Value::Array(list)));
        }
        execution
    }
}

impl Backend for Script {
    fn version(&self) -> &QemuVersion {
        self.behind
            .as_ref()
            .map_or(&self.version, |behind| behind.version())
    }

    fn greeting(&self) -> Option<String> {
        self.behind.as_ref()?.greeting()
    }

    fn first_descriptor(&self) -> Option<i64> {
        self.behind.as_ref()?.first_descriptor()
    }

    fn command(&mut self, name: &str) -> Option<Known> {
        let oob = ["migrate-pause", "migrate-recover", "yank", "query-yank"].contains(&name);
        let scripted = self.handlers.contains_key(name);
        let own = self.behind.is_none() && self.names().iter().any(|known| known == name);
        match &mut self.behind {
            _ if scripted || own => Some(Known {
                oob,
                too_early: false,
            }),
            Some(behind) => behind.command(name),
            None => None,
        }
    }

    fn execute(&mut self, mut call: Call<'_>) -> Execution {
        if let Some(execution) = self.run(&mut call) {
            return execution;
        }
        match (call.command, &mut self.behind) {
            ("query-commands", _) => self.query_commands(call),
            (_, Some(behind)) => behind.execute(call),
            ("query-version", None) => {
                Execution::reply(Outcome::Value(self.version.to_json().into()))
            }
            ("quit", None) => {
                let reply =
                    Execution::reply(Outcome::Value(Value::Object(crate::json::Object::new())));
                Execution {
                    quits: true,
                    ..reply
                }
            }
            (command, None) => Execution::fail(Failure::not_found(format!(
                "The command {command} has not been found"
            ))),
        }
    }

    fn attached(&mut self, now: Duration) {
        if let Some(behind) = &mut self.behind {
            behind.attached(now);
        }
    }

    fn deadline(&self) -> Option<Duration> {
        self.behind.as_ref()?.deadline()
    }

    fn due(&mut self, now: Duration) -> Vec<String> {
        self.behind
            .as_mut()
            .map_or_else(Vec::new, |behind| behind.due(now))
    }

    fn go_to_moment(&mut self, number: u32, now: Duration) -> bool {
        self.behind
            .as_mut()
            .is_some_and(|behind| behind.go_to_moment(number, now))
    }

    fn check(&self, command: &str, arguments: &crate::json::Object) -> Result<(), Failure> {
        let behind = self.behind.as_ref();
        behind.map_or(Ok(()), |behind| behind.check(command, arguments))
    }

    fn sent_event(&mut self, text: &str) {
        if let Some(behind) = &mut self.behind {
            behind.sent_event(text);
        }
    }

    fn answered_before(&mut self, command: &str, arguments: &crate::json::Object, returned: &str) {
        if let Some(behind) = &mut self.behind {
            behind.answered_before(command, arguments, returned);
        }
    }

    fn refused(&mut self, command: &str, now: Duration) -> Vec<String> {
        let behind = self.behind.as_mut();
        behind.map_or_else(Vec::new, |behind| behind.refused(command, now))
    }

    fn reset(&mut self) {
        if let Some(behind) = &mut self.behind {
            behind.reset();
        }
    }

    fn link(&mut self) -> Option<&mut dyn Link> {
        self.behind.as_mut()?.link()
    }

    fn leftovers(&self) -> Leftovers {
        self.behind
            .as_ref()
            .map_or_else(Leftovers::default, |behind| behind.leftovers())
    }
}
