// SPDX-License-Identifier: GPL-2.0-or-later
//! What is behind the monitors: a recording, or a script.

use std::time::Duration;

use super::descriptors::Descriptors;
use super::execution::Execution;
use super::leftovers::Leftovers;
use super::link::Link;
use crate::json::Object;
use crate::recording::QemuVersion;
use crate::schema::Failure;

/// A machine that carries out commands. Times count from the start of the server.
pub trait Backend: Send {
    /// The QEMU that it plays.
    fn version(&self) -> &QemuVersion;

    /// JSON text of the greeting's `QMP` member, if it is known word for word.
    fn greeting(&self) -> Option<String> {
        None
    }

    /// The number that its QEMU gives the first passed descriptor, if that is known.
    fn first_descriptor(&self) -> Option<i64> {
        None
    }

    /// What it knows about a command before it looks at the arguments; `None` when it has none of
    /// this name.
    fn command(&mut self, name: &str) -> Option<Known>;

    /// The same, where nobody asked for the command: it is answered without this machine.
    fn known(&mut self, name: &str) -> Option<Known> {
        self.command(name)
    }

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

    /// Goes to the recorded moment with this number, unless it is there already. `false` when there
    /// is none.
    fn go_to_moment(&mut self, _number: u32, _now: Duration) -> bool {
        false
    }

    /// Whether QEMU would take a request of this form.
    fn check(&self, _command: &str, _arguments: &Object) -> Result<(), Failure> {
        Ok(())
    }

    /// Changes what it answers, from outside the session; the form of a change is the machine's.
    fn adjust(&mut self, _change: &serde_json::Value) -> Result<serde_json::Value, String> {
        Err("this machine has no rules".to_owned())
    }

    /// An event is sent that the machine did not cause, given as JSON text.
    fn sent_event(&mut self, _text: &str) {}

    /// Somebody in front of it answered a request, with success; `returned` is JSON text.
    fn answered_before(&mut self, _command: &str, _arguments: &Object, _returned: &str) {}

    /// A request was refused before the machine could see it. Returns JSON texts of events that
    /// come before the refusal.
    fn refused(&mut self, _command: &str, _now: Duration) -> Vec<String> {
        Vec::new()
    }

    /// Starts again, as if nobody had asked anything yet.
    fn reset(&mut self) {}

    /// The QEMU behind it, if it has one.
    fn link(&mut self) -> Option<&mut dyn Link> {
        None
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Known {
    /// Whether it may be sent out of band.
    pub oob: bool,
    /// Whether it can be used only once the machine is set up, and it is not yet (`--preconfig`).
    pub too_early: bool,
}
