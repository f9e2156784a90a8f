// SPDX-License-Identifier: GPL-2.0-or-later
//! All monitors of one machine, and the one dispatcher that serves them in turn.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::time::Duration;

use super::backend::{Backend, Call, Known};
use super::descriptors::Descriptors;
use super::execution::{Execution, Outcome};
use super::files::Files;
use super::leftovers::Leftovers;
use super::monitor::{Monitor, MonitorOptions};
use super::request;
use super::seen::{Seen, SeenRequest};
use super::throttle::Throttle;
use crate::fault::{Fault, FaultKind, Faults, Message, Output};
use crate::json::{Dialect, Style, Value, write_value};
use crate::schema::Failure;

/// Output that waits for a client beyond this many bytes stops reading from it: QEMU would go on
/// until memory ends.
const OUTPUT_LIMIT: usize = 512 << 20;

/// A QMP server. Monitors are named by the number that [`Core::add_monitor`] gave.
pub struct Core {
    backend: Box<dyn Backend>,
    monitors: Vec<Monitor>,
    /// Whose turn it is: the dispatcher serves monitors round robin.
    turn: VecDeque<usize>,
    running: Option<Running>,
    throttle: Throttle,
    descriptors: Descriptors,
    faults: Faults,
    /// How many of the faults there were at first.
    first_faults: usize,
    /// The requests that came, if somebody wants to know.
    seen: Option<Seen>,
    /// Whether the machine starts again when it has ended and its clients are gone.
    repeats: bool,
    /// What was left over before it started again.
    past: Leftovers,
    /// Messages that a fault holds back: when they are due, and whose they are.
    late: Vec<(Duration, usize, Vec<Output>)>,
    ended: bool,
}

/// A command that takes time.
struct Running {
    until: Duration,
    answered: Answered,
    execution: Execution,
    /// Whether reading goes on when it is done, rather than when it was taken from the queue.
    resumes: bool,
}

/// What a reply goes to.
struct Answered {
    monitor: usize,
    /// The command's name; empty for input that names none.
    command: String,
    id: Option<Value>,
}

impl Core {
    /// A server without monitors.
    #[must_use]
    pub fn new(backend: Box<dyn Backend>) -> Self {
        let throttle = Throttle::new(backend.version());
        let descriptors = Descriptors::numbered_from(backend.first_descriptor());
        Self {
            backend,
            monitors: Vec::new(),
            turn: VecDeque::new(),
            running: None,
            throttle,
            descriptors,
            faults: Faults::default(),
            first_faults: 0,
            seen: None,
            repeats: false,
            past: Leftovers::default(),
            late: Vec::new(),
            ended: false,
        }
    }

    /// The same server with faults; the same seed makes the same garbage.
    #[must_use]
    pub fn with_faults(mut self, faults: Vec<Fault>, seed: u64) -> Self {
        self.first_faults = faults.len();
        self.faults = Faults::new(faults, seed);
        self
    }

    /// The same server, which keeps the latest requests for [`Core::seen`].
    #[must_use]
    pub fn with_seen(mut self, seen: bool) -> Self {
        self.seen = seen.then(Seen::default);
        self
    }

    /// The same server, whose machine starts again when it has ended and its clients are gone.
    #[must_use]
    pub fn repeating(mut self, repeats: bool) -> Self {
        self.repeats = repeats;
        self
    }

    /// The requests that came behind the one of this number, the latest ten thousand of them.
    pub fn seen(&self, since: u64) -> impl Iterator<Item = &SeenRequest> {
        self.seen.iter().flat_map(move |seen| seen.since(since))
    }

    /// Changes what the machine answers, from outside the session.
    pub fn adjust(&mut self, change: &serde_json::Value) -> Result<serde_json::Value, String> {
        self.backend.adjust(change)
    }

    /// Adds a fault.
    pub fn add_fault(&mut self, fault: Fault) {
        self.faults.add(fault);
    }

    /// Starts again, as if nobody had asked anything yet: clients are sent away, and nothing is left
    /// over.
    pub fn start_again(&mut self) {
        self.past = Leftovers::default();
        self.restart();
        if let Some(seen) = &mut self.seen {
            seen.clear();
        }
        for monitor in self.monitors.iter_mut().filter(|monitor| monitor.connected) {
            monitor.output.push(Output::Close);
        }
    }

    fn restart(&mut self) {
        self.backend.reset();
        self.faults.start_again(self.first_faults);
        self.throttle = Throttle::new(self.backend.version());
        self.descriptors
            .start_again(self.backend.first_descriptor());
        self.running = None;
        self.late.clear();
        self.ended = false;
    }

    /// The same server with files in this place.
    #[must_use]
    pub fn with_files(mut self, files: Files) -> Self {
        self.descriptors.set_files(files);
        self
    }

    /// How long connections are to be refused at first.
    pub fn refusal(&mut self) -> Option<Duration> {
        self.faults.refusal()
    }

    /// Adds a monitor and returns its number.
    pub fn add_monitor(&mut self, options: MonitorOptions) -> usize {
        let dialect = Dialect::of(self.backend.version().release());
        self.monitors.push(Monitor::new(options, dialect));
        self.turn.push_front(self.monitors.len() - 1);
        self.monitors.len() - 1
    }

    /// A client connects: it is greeted.
    pub fn connect(&mut self, monitor: usize, now: Duration) {
        let greeting = self.backend.greeting().unwrap_or_else(|| {
            let version = self.backend.version().to_json();
            serde_json::json!({"version": version, "capabilities": ["oob"]}).to_string()
        });
        let state = &mut self.monitors[monitor];
        state.connected = true;
        let line = state.message(&format!("{{\"QMP\":{greeting}}}"));
        self.faults.connected();
        let message = Message {
            command: "greeting",
            line,
            id: None,
        };
        self.send(monitor, message, None, now);
    }

    /// Takes bytes, and the descriptors that came with them, and returns how many bytes were read.
    /// The rest stays with the caller until [`Core::reads`] says that reading goes on.
    #[must_use = "the rest has to be fed again"]
    pub fn feed(
        &mut self,
        monitor: usize,
        bytes: &[u8],
        passed: Vec<OwnedFd>,
        now: Duration,
    ) -> usize {
        if !passed.is_empty() {
            self.monitors[monitor].passed = passed;
        }
        let mut requests = Vec::new();
        for (index, &byte) in bytes.iter().enumerate() {
            if !self.reads(monitor) {
                return index;
            }
            self.monitors[monitor]
                .parser
                .feed(byte, &mut |request| requests.push(request));
            for request in requests.drain(..) {
                self.received(monitor, request, now);
            }
        }
        bytes.len()
    }

    /// Whether the monitor reads from its client.
    #[must_use]
    pub fn reads(&self, monitor: usize) -> bool {
        let state = &self.monitors[monitor];
        state.connected && state.suspended == 0 && state.output.len() < OUTPUT_LIMIT && !self.ended
    }

    /// The client will send nothing more. What it sent is answered first, as far as QEMU reads it.
    pub fn input_ended(&mut self, monitor: usize) {
        self.monitors[monitor].input_ended = true;
        self.close_if_ended(monitor);
    }

    /// The connection is gone. What waits in the queue is lost, a running command's reply goes to
    /// the next client.
    pub fn disconnect(&mut self, monitor: usize) {
        self.monitors[monitor].reset();
        self.late.retain(|(_, whose, _)| *whose != monitor);
        let held = self
            .running
            .as_ref()
            .is_some_and(|running| running.answered.monitor == monitor && running.resumes);
        self.monitors[monitor].suspended = u32::from(held);
        if self.ended && self.repeats && !self.has_clients() {
            self.past = self.leftovers();
            self.restart();
        }
    }

    /// The next thing to do to the monitor's socket.
    #[must_use = "what is taken from the queue is lost"]
    pub fn output(&mut self, monitor: usize) -> Option<Output> {
        self.monitors[monitor].output.pop()
    }

    /// Whether there is something to do to the monitor's socket.
    #[must_use]
    pub fn has_output(&self, monitor: usize) -> bool {
        !self.monitors[monitor].output.is_empty()
    }

    /// How many bytes of memory the monitor's waiting output takes.
    #[must_use]
    pub fn backlog(&self, monitor: usize) -> usize {
        self.monitors[monitor].output.owned()
    }

    /// When [`Core::tick`] has something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let running = self.running.as_ref().map(|running| running.until);
        let attached = self.monitors.iter().any(|monitor| monitor.negotiated);
        let backend = if attached {
            self.backend.deadline()
        } else {
            None
        };
        let late = self.late.iter().map(|(due, ..)| *due).min();
        [running, backend, late, self.throttle.deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Duration) {
        if self
            .running
            .as_ref()
            .is_some_and(|running| running.until <= now)
            && let Some(running) = self.running.take()
        {
            self.finish(running, now);
            self.dispatch(now);
        }
        for (_, monitor, outputs) in self.late.extract_if(.., |(due, ..)| *due <= now) {
            let queue = &mut self.monitors[monitor].output;
            outputs.into_iter().for_each(|output| queue.push(output));
        }
        for event in self.throttle.due(now) {
            self.broadcast(&event);
        }
        if self.monitors.iter().any(|monitor| monitor.negotiated) {
            for event in self.backend.due(now) {
                self.event(event, now);
            }
        }
    }

    /// Whether QEMU has ended: nobody else is served.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.ended && !self.repeats
    }

    /// Whether the next client may come, or need not.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.ended || !self.repeats
    }

    /// QEMU ends, and does not start again.
    pub fn end_for_good(&mut self) {
        self.repeats = false;
        self.end();
    }

    /// Sends an event to all clients that have negotiated, and lets the machine know of it.
    pub fn push_event(&mut self, text: String, now: Duration) {
        self.backend.sent_event(&text);
        self.event(text, now);
    }

    /// Sends an event to all clients that have negotiated, as if the machine had caused it.
    pub fn event(&mut self, text: String, now: Duration) {
        if let Some(text) = self.throttle.pass(text, now) {
            self.broadcast(&text);
        }
    }

    /// Goes to a recorded moment. `false` when the machine has none of this number.
    pub fn go_to_moment(&mut self, number: u32, now: Duration) -> bool {
        self.backend.go_to_moment(number, now)
    }

    /// What a strict machine has to complain about.
    #[must_use]
    pub fn leftovers(&self) -> Leftovers {
        let now = Leftovers {
            faults: self.faults.unused(),
            ..self.backend.leftovers()
        };
        self.past.clone().and(now)
    }

    /// Sends a message, or what the faults make of it.
    fn send(
        &mut self,
        monitor: usize,
        message: Message<'_>,
        more: Option<FaultKind>,
        now: Duration,
    ) {
        let sent = self.faults.apply(message, more);
        let queue = &mut self.monitors[monitor].output;
        if !sent.late.is_zero() {
            self.late.push((now + sent.late, monitor, sent.outputs));
            return;
        }
        if let Some(time) = sent.merge
            && queue.is_empty()
        {
            queue.push(Output::Pause(time));
        }
        sent.outputs
            .into_iter()
            .for_each(|output| queue.push(output));
    }

    fn broadcast(&mut self, text: &str) {
        if self.faults.silent() {
            return;
        }
        for monitor in self
            .monitors
            .iter_mut()
            .filter(|monitor| monitor.connected && monitor.negotiated)
        {
            let line = monitor.message(text);
            monitor.output.bytes(&line);
        }
    }

    fn received(
        &mut self,
        monitor: usize,
        request: Result<Value, crate::json::JsonError>,
        now: Duration,
    ) {
        match request {
            Ok(request) if request::looks_oob(&request) => {
                let execution = self.dispatch_one(monitor, &request, now);
                self.deliver(&Answered::of(monitor, request), execution, now);
            }
            request => {
                self.monitors[monitor].enqueue(request);
                self.dispatch(now);
            }
        }
    }

    /// Carries out queued requests until one takes time or none is left.
    fn dispatch(&mut self, now: Duration) {
        while self.running.is_none() && !self.ended {
            let Some(place) = self
                .turn
                .iter()
                .position(|&index| !self.monitors[index].queue.is_empty())
            else {
                return;
            };
            let Some(monitor) = self.turn.remove(place) else {
                return;
            };
            self.turn.push_back(monitor);
            let Some((request, oob)) = self.monitors[monitor].dequeue() else {
                return;
            };
            let (execution, answered) = match request {
                Ok(request) => {
                    let execution = self.dispatch_one(monitor, &request, now);
                    (execution, Answered::of(monitor, request))
                }
                Err(error) => {
                    let failure = Failure::generic(error.text);
                    (Execution::fail(failure), Answered::of(monitor, Value::Null))
                }
            };
            let running = Running {
                until: now + execution.delay,
                answered,
                execution,
                resumes: !oob,
            };
            if running.execution.delay.is_zero() {
                self.finish(running, now);
            } else {
                self.running = Some(running);
            }
        }
    }

    fn finish(&mut self, running: Running, now: Duration) {
        self.deliver(&running.answered, running.execution, now);
        let monitor = running.answered.monitor;
        if running.resumes {
            self.monitors[monitor].resume();
        }
        self.close_if_ended(monitor);
    }

    /// Sends the reply and the events around it.
    fn deliver(&mut self, answered: &Answered, execution: Execution, now: Duration) {
        for event in execution.before {
            self.event(event, now);
        }
        let state = &mut self.monitors[answered.monitor];
        if state.connected
            && let Some(outcome) = &execution.outcome
        {
            let (mut head, shared, tail) = state.reply(outcome, answered.id.as_ref());
            if self.faults.is_empty() && execution.fault.is_none() {
                state.output.bytes(&head);
                if let Some(shared) = &shared {
                    state.output.shared(shared);
                }
                state.output.bytes(&tail);
            } else {
                head.extend_from_slice(shared.as_deref().unwrap_or_default());
                head.extend_from_slice(&tail);
                let message = Message {
                    command: &answered.command,
                    line: head,
                    id: answered.id.as_ref().map(id_text),
                };
                self.send(answered.monitor, message, execution.fault, now);
            }
        }
        for event in execution.after {
            self.event(event, now);
        }
        if execution.quits {
            self.end();
        }
    }

    /// QEMU ends: every client gets what is on its way to it, and then the end of the connection.
    pub fn end(&mut self) {
        self.ended = true;
        for monitor in &mut self.monitors {
            monitor.output.push(Output::Close);
        }
    }

    /// Whether a client is connected to any monitor.
    #[must_use]
    pub fn has_clients(&self) -> bool {
        self.monitors.iter().any(|monitor| monitor.connected)
    }

    fn close_if_ended(&mut self, monitor: usize) {
        let state = &mut self.monitors[monitor];
        if state.connected && state.input_ended && state.suspended == 0 {
            state.queue.clear();
            state.input_ended = false;
            state.output.push(Output::Close);
        }
    }

    /// Carries out one request, or finds the error that QEMU finds first.
    fn dispatch_one(&mut self, monitor: usize, request: &Value, now: Duration) -> Execution {
        let negotiated = self.monitors[monitor].negotiated;
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
        if !negotiated
            && let Some(Outcome::Error(failure)) = &mut execution.outcome
            && failure.class == "CommandNotFound"
        {
            failure.desc = "Expecting capabilities negotiation with 'qmp_capabilities'".to_owned();
        }
        if let Some(seen) = &mut self.seen {
            let error = match &execution.outcome {
                Some(Outcome::Error(failure)) => Some(failure.class.to_owned()),
                Some(Outcome::ErrorText(text)) => class_of(text),
                _ => None,
            };
            let at = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
            seen.note(monitor, request, error, at);
        }
        execution
    }

    fn checked(
        &mut self,
        monitor: usize,
        request: &Value,
        now: Duration,
    ) -> Result<Execution, Failure> {
        let state = &mut self.monitors[monitor];
        let request = request::check(request, state.oob)?;
        let command = request.command;
        let known = match command {
            "qmp_capabilities" => Some(Known::default()),
            _ if !state.negotiated => None,
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
        let empty = crate::json::Object::new();
        self.descriptors.arrived(std::mem::take(&mut state.passed));
        let arguments = request.arguments.unwrap_or(&empty);
        let execution = self.backend.execute(Call {
            command,
            arguments,
            descriptors: &mut self.descriptors,
            now,
        });
        self.monitors[monitor].passed = self.descriptors.take_pending();
        Ok(execution)
    }

    fn negotiate(
        &mut self,
        monitor: usize,
        arguments: Option<&crate::json::Object>,
        now: Duration,
    ) -> Result<Execution, Failure> {
        let oob = request::capabilities(arguments, true)?;
        let state = &mut self.monitors[monitor];
        if state.negotiated {
            let text = "Capabilities negotiation is already complete, command ignored";
            return Err(Failure::not_found(text));
        }
        state.negotiated = true;
        state.oob = oob;
        self.backend.attached(now);
        Ok(Execution::reply(Outcome::Value(Value::Object(
            crate::json::Object::new(),
        ))))
    }
}

impl Answered {
    fn of(monitor: usize, request: Value) -> Self {
        let Value::Object(mut members) = request else {
            return Self {
                monitor,
                command: String::new(),
                id: None,
            };
        };
        let id = members.swap_remove("id");
        let command = members
            .swap_remove("execute")
            .or_else(|| members.swap_remove("exec-oob"));
        let command = match command {
            Some(Value::String(command)) => command,
            _ => String::new(),
        };
        Self {
            monitor,
            command,
            id,
        }
    }
}

/// The class of an error, given as JSON text.
fn class_of(error: &[u8]) -> Option<String> {
    let error: serde_json::Value = serde_json::from_slice(error).ok()?;
    error.get("class")?.as_str().map(str::to_owned)
}

/// The id as a reply shows it.
fn id_text(id: &Value) -> String {
    let mut out = Vec::new();
    write_value(&mut out, id, Style::Spaced);
    String::from_utf8(out).unwrap_or_default()
}
