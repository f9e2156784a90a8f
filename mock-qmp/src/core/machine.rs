// SPDX-License-Identifier: GPL-2.0-or-later
//! What carries out requests: the machine, with the descriptors that it was passed.

use std::time::Duration;

use super::backend::{Backend, Call, Known};
use super::descriptors::Descriptors;
use super::execution::{Execution, Outcome};
use super::monitor::Monitor;
use super::request;
use super::seen::Seen;
use crate::json::{Object, Value};
use crate::schema::Failure;

/// A machine that clients ask.
pub(super) struct Machine {
    pub(super) backend: Box<dyn Backend>,
    pub(super) descriptors: Descriptors,
    /// The requests that came, if somebody wants to know.
    pub(super) seen: Option<Seen>,
}

impl Machine {
    pub(super) fn new(backend: Box<dyn Backend>) -> Self {
        let descriptors = Descriptors::numbered_from(backend.first_descriptor());
        Self {
            backend,
            descriptors,
            seen: None,
        }
    }

    /// As if nobody had asked anything yet.
    pub(super) fn restart(&mut self) {
        self.backend.reset();
        self.descriptors
            .start_again(self.backend.first_descriptor());
    }

    /// Carries out one request, or finds the error that QEMU finds first.
    pub(super) fn carry_out(
        &mut self,
        number: usize,
        monitor: &mut Monitor,
        request: &Value,
        now: Duration,
    ) -> Execution {
        let negotiated = monitor.negotiated;
        let mut execution = match self.checked(monitor, request, now) {
            Ok(execution) => execution,
            Err(failure) => {
                let command = request.get("execute").or(request.get("exec-oob"));
                let command = command.and_then(Value::as_str).unwrap_or_default();
                Execution {
                    before: self.backend.refused(command, now),
                    ..Execution::fail(failure)
                }
            }
        };
        match &mut execution.outcome {
            Some(Outcome::Error(failure)) if !negotiated && failure.class == "CommandNotFound" => {
                "Expecting capabilities negotiation with 'qmp_capabilities'"
                    .clone_into(&mut failure.desc);
            }
            _ => {}
        }
        if let Some(seen) = &mut self.seen {
            let error = match &execution.outcome {
                Some(Outcome::Error(failure)) => Some(failure.class.to_owned()),
                Some(Outcome::ErrorText(text)) => class_of(text),
                _ => None,
            };
            let at = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
            seen.note(number, request, error, at);
        }
        execution
    }

    fn checked(
        &mut self,
        monitor: &mut Monitor,
        request: &Value,
        now: Duration,
    ) -> Result<Execution, Failure> {
        let request = request::check(request, monitor.oob)?;
        let command = request.command;
        let known = match command {
            "qmp_capabilities" => Some(Known::default()),
            _ if !monitor.negotiated => None,
            _ => self.backend.command(command),
        };
        let Some(known) = known else {
            return Err(Failure::not_found(format!(
                "The command {command} has not been found"
            )));
        };
        if request.oob && !known.oob {
            return Err(Failure::generic(format!(
                "The command {command} does not support OOB"
            )));
        }
        if known.too_early {
            return Err(Failure::generic(format!(
                "The command '{command}' is permitted only after machine initialization has completed"
            )));
        }
        if command == "qmp_capabilities" {
            return self.negotiate(monitor, request.arguments, now);
        }
        let empty = Object::new();
        self.descriptors
            .arrived(std::mem::take(&mut monitor.passed));
        let arguments = request.arguments.unwrap_or(&empty);
        let execution = self.backend.execute(Call {
            command,
            arguments,
            descriptors: &mut self.descriptors,
            now,
        });
        monitor.passed = self.descriptors.take_pending();
        Ok(execution)
    }

    fn negotiate(
        &mut self,
        monitor: &mut Monitor,
        arguments: Option<&Object>,
        now: Duration,
    ) -> Result<Execution, Failure> {
        let oob = request::capabilities(arguments, true)?;
        if monitor.negotiated {
            let text = "Capabilities negotiation is already complete, command ignored";
            return Err(Failure::not_found(text));
        }
        monitor.negotiated = true;
        monitor.oob = oob;
        self.backend.attached(now);
        Ok(Execution::reply(Outcome::Value(Value::Object(
            Object::new(),
        ))))
    }
}

/// The class of an error, given as JSON text.
fn class_of(error: &[u8]) -> Option<String> {
    let error: serde_json::Value = serde_json::from_slice(error).ok()?;
    error.get("class")?.as_str().map(str::to_owned)
}
