// SPDX-License-Identifier: GPL-2.0-or-later
//! Requests that the recording does not hold.

use super::nearest::{nearest, request_text};
use super::state::{Mode, Replay};
use crate::core::{Call, Execution, Failure, Outcome};
use crate::json::{Object, Value};
use crate::schema::BUILTIN;

impl Replay {
    /// Checks the arguments against the schema, if there is one.
    pub(super) fn check(&self, call: &Call<'_>) -> Result<(), Failure> {
        let release = self.recording.version().release();
        self.schema().map_or(Ok(()), |schema| {
            schema.check(call.command, call.arguments, release)
        })
    }

    /// A request that was not recorded: QEMU's own words where it would refuse it.
    pub(super) fn unrecorded(&mut self, call: &Call<'_>) -> Execution {
        let (command, arguments) = (call.command, call.arguments);
        if let Err(failure) = self.check(call) {
            let near = nearest(&self.recording, command, arguments);
            self.remember(request_text(command, arguments), &failure.desc, near);
            return Execution::fail(failure);
        }
        if let Some(outcome) = quits(command, arguments) {
            return self.quit(outcome);
        }
        if let Some(text) = too_late(command)
            && !self.before_machine
        {
            return Execution::fail(Failure::generic(text));
        }
        match self.mode {
            Mode::Strict => self.refuse(command, arguments, "not recorded in"),
            Mode::Lenient => self.lacking(command, arguments),
        }
    }

    /// A lenient replay's answer to what was not recorded: the built-in monitor's text, where a line
    /// for it was typed there at about this moment; else one sentence. For a line that was typed
    /// nowhere, this QEMU is as one without the built-in monitor.
    fn lacking(&self, command: &str, arguments: &Object) -> Execution {
        if let Some(text) = self.builtin(command, arguments) {
            return Execution::reply(Outcome::Value(Value::String(text)));
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
