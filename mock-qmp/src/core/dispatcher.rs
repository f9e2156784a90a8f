// SPDX-License-Identifier: GPL-2.0-or-later
//! All monitors of one machine, and the one dispatcher that serves them in turn.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::time::Duration;

use super::backend::Backend;
use super::execution::Execution;
use super::files::Files;
use super::leftovers::Leftovers;
use super::machine::Machine;
use super::monitor::{Monitor, MonitorOptions};
use super::request;
use super::running::{Answered, Running};
use super::seen::{Seen, SeenRequest};
use super::throttle::Throttle;
use crate::fault::{Fault, FaultKind, Faults, Message, Output};
use crate::json::{Dialect, Value};
use crate::schema::Failure;

/// Output that waits for a client beyond this many bytes stops reading from it: QEMU would go on
/// until memory ends.
const OUTPUT_LIMIT: usize = 512 << 20;

/// A QMP server. Monitors are named by the number that [`Core::add_monitor`] gave.
pub struct Core {
    machine: Machine,
    monitors: Vec<Monitor>,
    /// Whose turn it is: the dispatcher serves monitors round robin.
    turn: VecDeque<usize>,
    running: Option<Running>,
    throttle: Throttle,
    faults: Faults,
    /// How many of the faults there were at first.
    first_faults: usize,
    /// Whether the machine starts again when it has ended and its clients are gone.
    repeats: bool,
    /// What was left over before it started again.
    past: Leftovers,
    /// Messages that a fault holds back: when they are due, and whose they are.
    late: Vec<(Duration, usize, Vec<Output>)>,
    ended: bool,
    /// Whether it is not to start again, whoever may want that.
    for_good: bool,
    /// How many there are who can start it again after it has ended.
    controllers: usize,
}

impl Core {
    /// A server without monitors.
    #[must_use]
    pub fn new(backend: Box<dyn Backend>) -> Self {
        let throttle = Throttle::new(backend.version());
        Self {
            machine: Machine::new(backend),
            monitors: Vec::new(),
            turn: VecDeque::new(),
            running: None,
            throttle,
            faults: Faults::default(),
            first_faults: 0,
            repeats: false,
            past: Leftovers::default(),
            late: Vec::new(),
            ended: false,
            for_good: false,
            controllers: 0,
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
        self.machine.seen = seen.then(Seen::default);
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
        self.machine
            .seen
            .iter()
            .flat_map(move |seen| seen.since(since))
    }

    /// Changes what the machine answers, from outside the session.
    pub fn adjust(&mut self, change: &serde_json::Value) -> Result<serde_json::Value, String> {
        self.machine.backend.adjust(change)
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
        if let Some(seen) = &mut self.machine.seen {
            seen.clear();
        }
        for monitor in self.monitors.iter_mut().filter(|monitor| monitor.connected) {
            monitor.output.push(Output::Close);
        }
    }

    fn restart(&mut self) {
        self.machine.restart();
        self.faults.start_again(self.first_faults);
        self.throttle = Throttle::new(self.machine.backend.version());
        self.running = None;
        self.late.clear();
        self.ended = false;
    }

    /// The same server with files in this place.
    #[must_use]
    pub fn with_files(mut self, files: Files) -> Self {
        self.machine.descriptors.set_files(files);
        self
    }

    /// How long connections are to be refused at first.
    pub fn refusal(&mut self) -> Option<Duration> {
        self.faults.refusal()
    }

    /// Adds a monitor and returns its number.
    pub fn add_monitor(&mut self, options: MonitorOptions) -> usize {
        let dialect = Dialect::of(self.machine.backend.version().release());
        self.monitors.push(Monitor::new(options, dialect));
        self.turn.push_front(self.monitors.len() - 1);
        self.monitors.len() - 1
    }

    /// A client connects: it is greeted.
    pub fn connect(&mut self, monitor: usize, now: Duration) {
        let greeting = self.machine.backend.greeting().unwrap_or_else(|| {
            let version = self.machine.backend.version().to_json();
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
        let running = self.running.as_ref();
        let running = running.filter(|running| !running.execution.waits);
        let running = running.map(|running| running.until);
        let backend = if self.is_watched() {
            self.machine.backend.deadline()
        } else {
            None
        };
        let late = self.late.iter().map(|(due, ..)| *due).min();
        [running, backend, late, self.throttle.deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether anybody sees what the machine does by itself, or waits for it.
    fn is_watched(&self) -> bool {
        let waits = self.running.as_ref();
        self.monitors.iter().any(|monitor| monitor.negotiated)
            || waits.is_some_and(|running| running.execution.waits)
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Duration) {
        let is_done = |running: &Running| !running.execution.waits && running.until <= now;
        if let Some(running) = self.running.take_if(|running| is_done(running)) {
            self.finish(running, now);
            self.dispatch(now);
        }
        let late = std::mem::take(&mut self.late).into_iter();
        let (due, later): (Vec<_>, _) = late.partition(|(due, ..)| *due <= now);
        self.late = later;
        for (_, monitor, outputs) in due {
            let queue = &mut self.monitors[monitor].output;
            outputs.into_iter().for_each(|output| queue.push(output));
        }
        for event in self.throttle.due(now) {
            self.broadcast(&event);
        }
        if self.is_watched() {
            for event in self.machine.backend.due(now) {
                self.event(event, now);
            }
            self.complete(now);
        }
    }

    /// The QEMU behind the machine sent bytes.
    pub fn upstream_sent(&mut self, bytes: &[u8], now: Duration) {
        if let Some(link) = self.machine.backend.link() {
            link.received(bytes);
        }
        self.upstream_changed(now);
    }

    /// The QEMU behind the machine closed the connection.
    pub fn upstream_closed(&mut self, now: Duration) {
        if let Some(link) = self.machine.backend.link() {
            link.closed();
        }
        self.upstream_changed(now);
    }

    fn upstream_changed(&mut self, now: Duration) {
        self.complete(now);
        for event in self.machine.backend.due(now) {
            self.event(event, now);
        }
        if self
            .machine
            .backend
            .link()
            .is_some_and(|link| link.is_over())
            && !self.ended
        {
            self.end();
        }
    }

    /// Answers the command that waits for the QEMU behind the machine, once that has answered.
    fn complete(&mut self, now: Duration) {
        while let Some(later) = self
            .machine
            .backend
            .link()
            .and_then(|link| link.completed())
        {
            // Who started again since has no use for it.
            let Some(mut running) = self.running.take() else {
                continue;
            };
            running.execution = running.execution.with(later);
            running.until = now + running.execution.delay;
            if running.execution.delay.is_zero() {
                self.finish(running, now);
                self.dispatch(now);
            } else {
                self.running = Some(running);
            }
        }
    }

    /// Whether QEMU is gone, and does not start again by itself.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.ended && !self.repeats
    }

    /// Whether QEMU has ended, and nobody can start it again.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.is_gone() && (self.controllers == 0 || self.for_good)
    }

    /// Somebody comes who can start the machine again after it has ended.
    pub fn controller_came(&mut self) {
        self.controllers += 1;
    }

    /// One of them left.
    pub fn controller_left(&mut self) {
        self.controllers = self.controllers.saturating_sub(1);
    }

    /// Whether the next client may come, or need not.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.ended || !self.repeats
    }

    /// QEMU ends, and does not start again.
    pub fn end_for_good(&mut self) {
        self.repeats = false;
        self.for_good = true;
        self.end();
    }

    /// Sends an event to all clients that have negotiated, and lets the machine know of it.
    pub fn push_event(&mut self, text: String, now: Duration) {
        self.machine.backend.sent_event(&text);
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
        self.machine.backend.go_to_moment(number, now)
    }

    /// What a strict machine has to complain about.
    #[must_use]
    pub fn leftovers(&self) -> Leftovers {
        let now = Leftovers {
            faults: self.faults.unused(),
            ..self.machine.backend.leftovers()
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
        if let Some(time) = sent.merge.filter(|_| queue.is_empty()) {
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
                let mut execution = self.carry_out(monitor, &request, now);
                if execution.waits {
                    // What runs holds the connection behind the machine.
                    let text = "out-of-band requests are answered as recorded alone";
                    execution = Execution::fail(Failure::generic(text));
                }
                self.deliver(&Answered::of(monitor, request), execution, now);
            }
            request => {
                self.monitors[monitor].enqueue(request);
                self.dispatch(now);
            }
        }
    }

    fn carry_out(&mut self, monitor: usize, request: &Value, now: Duration) -> Execution {
        let state = &mut self.monitors[monitor];
        self.machine.carry_out(monitor, state, request, now)
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
                    let execution = self.carry_out(monitor, &request, now);
                    (execution, Answered::of(monitor, request))
                }
                Err(error) => {
                    let failure = Failure::generic(error.text);
                    (Execution::fail(failure), Answered::of(monitor, Value::Null))
                }
            };
            let running = Running {
                until: now.saturating_add(execution.delay),
                answered,
                execution,
                resumes: !oob,
            };
            if running.execution.delay.is_zero() && !running.execution.waits {
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
        if let Some(outcome) = execution.outcome.as_ref().filter(|_| state.connected) {
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
                    id: answered.id_text(),
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
}
