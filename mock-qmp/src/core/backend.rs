//! What stands behind the monitors: a recording, or a script.

use super::Descriptors;
use crate::json::{Object, Value};
use crate::recording::QemuVersion;
use std::sync::Arc;
use std::time::Duration;

/// A machine that carries out commands. Times count from the start of the server.
pub trait Backend: Send {
    /// The QEMU that it stands for.
    fn version(&self) -> &QemuVersion;

    /// JSON text of the greeting's `QMP` member, if it is known word for word.
    fn greeting(&self) -> Option<String> {
        None
    }

    /// The number that its QEMU gives the first passed descriptor, if that is known.
    fn first_descriptor(&self) -> Option<i64> {
        None
    }

    /// What it knows about a command before it looks at the arguments.
    fn command(&mut self, name: &str) -> CommandStatus;

    /// Carries out a command.
    fn execute(&mut self, call: Call<'_>) -> Execution;

    /// A client has negotiated: from now on events are seen.
    fn attached(&mut self, _now: Duration) {}

    /// When it wants to be asked for events next.
    fn deadline(&self) -> Option<Duration> {
        None
    }

    /// JSON texts of the events that are due.
    fn due(&mut self, _now: Duration) -> Vec<String> {
        Vec::new()
    }

    /// Goes to the recorded moment with this number, unless it is there already. `false` when there is none.
    fn go_to_moment(&mut self, _number: u32, _now: Duration) -> bool {
        false
    }

    /// What a strict check finds at the end.
    fn leftovers(&self) -> Leftovers {
        Leftovers::default()
    }
}

/// A command to be carried out.
#[derive(Debug)]
pub struct Call<'a> {
    /// Its name.
    pub command: &'a str,
    /// Its arguments; empty when there were none.
    pub arguments: &'a Object,
    /// The descriptors that clients have passed to this monitor.
    pub descriptors: &'a mut Descriptors,
    /// The time.
    pub now: Duration,
}

/// What is known of a command by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandStatus {
    /// There is no such command.
    Unknown,
    /// There is.
    Known {
        /// Whether it may be sent out of band.
        oob: bool,
        /// Why it cannot be used now, in QEMU's words.
        unavailable: Option<Unavailable>,
    },
}

/// Why a known command cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailable {
    /// The machine is not set up yet (`--preconfig`).
    BeforeMachine,
}

/// What came of a command.
#[derive(Debug, Clone, Default)]
pub struct Execution {
    /// JSON texts of events that come before the reply.
    pub before: Vec<String>,
    /// The reply; without one the command goes unanswered.
    pub outcome: Option<Outcome>,
    /// JSON texts of events that come after the reply.
    pub after: Vec<String>,
    /// How long the command runs.
    pub delay: Duration,
    /// Whether QEMU ends with it.
    pub quits: bool,
}

/// A reply.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Success, as JSON text in QEMU's layout.
    Text(Arc<[u8]>),
    /// Success.
    Value(Value),
    /// Failure, as JSON text in QEMU's layout.
    ErrorText(Arc<[u8]>),
    /// Failure.
    Error(Failure),
}

/// An error reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// QEMU's error class.
    pub class: &'static str,
    /// Text for people.
    pub desc: String,
}

impl Failure {
    /// An error of class `GenericError`.
    pub fn generic(desc: impl Into<String>) -> Self {
        Failure {
            class: "GenericError",
            desc: desc.into(),
        }
    }

    /// An error of class `CommandNotFound`.
    pub fn not_found(desc: impl Into<String>) -> Self {
        Failure {
            class: "CommandNotFound",
            desc: desc.into(),
        }
    }
}

impl Execution {
    /// An execution that only answers.
    pub fn reply(outcome: Outcome) -> Self {
        Execution {
            outcome: Some(outcome),
            ..Execution::default()
        }
    }

    /// An execution that only fails.
    pub fn fail(failure: Failure) -> Self {
        Execution::reply(Outcome::Error(failure))
    }
}

/// What a strict server has to complain about when it ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Requests that the recording does not hold.
    pub unmatched: Vec<Unmatched>,
    /// Recorded moments that were never reached, as `FILE:LINE: moment N (COMMAND)`.
    pub moments: Vec<String>,
    /// Faults that were asked for and never came to pass.
    pub faults: Vec<String>,
}

/// A request that the recording does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmatched {
    /// The request, as compact JSON.
    pub request: String,
    /// What is wrong with it.
    pub problem: String,
    /// The recorded requests that come closest, as `FILE:LINE: REQUEST`.
    pub nearest: Vec<String>,
}

impl Leftovers {
    /// Whether there is nothing to complain about.
    pub fn is_empty(&self) -> bool {
        self.unmatched.is_empty() && self.moments.is_empty() && self.faults.is_empty()
    }
}

impl std::error::Error for Leftovers {}

impl std::fmt::Display for Leftovers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut lines = Vec::new();
        for unmatched in &self.unmatched {
            lines.push(format!(
                "request {}: {}",
                unmatched.request, unmatched.problem
            ));
            lines.extend(
                unmatched
                    .nearest
                    .iter()
                    .map(|nearest| format!("  nearest: {nearest}")),
            );
        }
        lines.extend(
            self.moments
                .iter()
                .map(|moment| format!("never reached: {moment}")),
        );
        lines.extend(
            self.faults
                .iter()
                .map(|fault| format!("fault never came to pass: {fault}")),
        );
        f.write_str(&lines.join("\n"))
    }
}
