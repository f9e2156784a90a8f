// SPDX-License-Identifier: GPL-2.0-or-later
//! Who answers, a recording or the QEMU behind it.
//!
//! The recording answers what it holds of the present state. The first request that it does not hold
//! goes to the QEMU, after the changes that the recording has answered so far, so that both are in
//! one state. A request that only looks leaves the recording in charge; with a change the recording
//! knows nothing of what follows, and the QEMU answers everything from then on.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc::UnboundedSender;

use super::framer::Framer;
use super::proxy::Proxy;
use crate::core::{Backend, Call, Execution, Failure, Known, Leftovers, Link, Outcome, Unmatched};
use crate::json::{Object, Style, Value, respace, write_value};
use crate::net::Sent;
use crate::recording::QemuVersion;
use crate::replay::Replay;
use crate::schema::{DESCRIPTOR_COMMANDS, changes_state};

/// How long events are waited for that the recording has sent, before the next change is made.
const EVENT_PATIENCE: Duration = Duration::from_secs(2);
/// Most events and changes of the recording that are kept.
const MOST: usize = 10_000;
/// Most requests without an answer that are kept for the report.
const MOST_UNMATCHED: usize = 1000;

/// Who answers.
#[derive(Debug, PartialEq, Eq)]
enum Charge {
    /// The recording, as far as it goes.
    Recording,
    /// The QEMU, since it is in a state that the recording does not know.
    Qemu,
    /// The recording alone: the QEMU is gone, or in another state. What is said of that.
    Alone(String),
}

/// A change that the recording has answered and that the QEMU has not made yet.
#[derive(Debug)]
struct Change {
    request: String,
    /// Events that the recording sent after it, and before the next change.
    events: Vec<Happened>,
}

/// An event without its time.
#[derive(Debug, Clone, PartialEq)]
struct Happened {
    event: String,
    data: serde_json::Value,
}

impl Happened {
    fn read(text: &str) -> Option<Self> {
        let event: serde_json::Value = serde_json::from_str(text).ok()?;
        Some(Self {
            event: event["event"].as_str()?.to_owned(),
            data: event["data"].clone(),
        })
    }
}

/// The request that waits for the QEMU, with the change that is being made before it.
#[derive(Debug)]
struct Running {
    request: String,
    descriptors: Vec<OwnedFd>,
    /// The change that is being made, if the request itself is not.
    change: Option<Change>,
    /// The change was answered, and its events are waited for since then.
    answered: Option<Option<Duration>>,
    departs: bool,
}

/// A message of a QEMU, as far as it matters here.
#[derive(Default, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, rename = "return")]
    success: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    pub(super) event: Option<String>,
    id: Option<u64>,
}

impl<'a> Message<'a> {
    /// What is no message is none of these.
    pub(super) fn read(text: &'a str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }
}

/// A replay with a QEMU behind it.
pub(super) struct Through {
    replay: Replay,
    outgoing: UnboundedSender<Sent>,
    framer: Framer,
    recorder: Option<Proxy>,
    charge: Charge,
    /// The changes that the QEMU has still to make.
    behind: VecDeque<Change>,
    running: Option<Running>,
    done: Option<Execution>,
    /// Events of the QEMU that are to be sent.
    events: Vec<String>,
    /// Events that the recording has sent and the QEMU has not.
    own: VecDeque<Happened>,
    /// Of the last request that was sent.
    number: u64,
    /// Whether any was.
    asked: Arc<AtomicBool>,
    over: bool,
    unmatched: Leftovers,
}

impl Through {
    /// The recording is in charge. What goes to the QEMU is put into `outgoing`; `asked` is set with
    /// the first of it.
    pub(super) fn new(
        replay: Replay,
        outgoing: UnboundedSender<Sent>,
        framer: Framer,
        recorder: Option<Proxy>,
        asked: Arc<AtomicBool>,
    ) -> Self {
        Self {
            replay,
            outgoing,
            framer,
            recorder,
            charge: Charge::Recording,
            behind: VecDeque::new(),
            running: None,
            done: None,
            events: Vec::new(),
            own: VecDeque::new(),
            number: 0,
            asked,
            over: false,
            unmatched: Leftovers::default(),
        }
    }

    /// Sends a request; its number is its id.
    fn send(&mut self, request: &str, descriptors: Vec<OwnedFd>) {
        self.number += 1;
        self.asked.store(true, Ordering::Relaxed);
        let front = request.strip_suffix('}').unwrap_or(request);
        let bytes = format!("{front},\"id\":{}}}", self.number).into_bytes();
        if let Some(recorder) = &self.recorder {
            let copies = descriptors.iter().filter_map(|one| one.try_clone().ok());
            recorder.recorder().client_sent(&bytes, copies.collect());
        }
        // Where nobody takes it, the QEMU is gone, and that is said elsewhere.
        let _ = self.outgoing.send((bytes, descriptors));
    }

    /// Makes the next change, or the request itself once there is none.
    fn proceed(&mut self) {
        let Some(mut running) = self.running.take() else {
            return;
        };
        running.answered = None;
        running.change = self.behind.pop_front();
        match &running.change {
            Some(change) => self.send(&change.request.clone(), Vec::new()),
            None => {
                let descriptors = std::mem::take(&mut running.descriptors);
                self.send(&running.request.clone(), descriptors);
            }
        }
        self.running = Some(running);
    }

    /// Whether all events of the change at hand have come.
    fn has_followed(&self) -> bool {
        let change = self.running.as_ref().and_then(|one| one.change.as_ref());
        change.is_none_or(|change| !change.events.iter().any(|event| self.own.contains(event)))
    }

    fn go_on_if_followed(&mut self) {
        let answered = self
            .running
            .as_ref()
            .is_some_and(|one| one.answered.is_some());
        if answered && self.has_followed() {
            self.proceed();
        }
    }

    fn message(&mut self, text: &str) {
        let message = Message::read(text);
        if message.event.is_some() {
            let happened = Happened::read(text);
            let known = self
                .own
                .iter()
                .position(|own| Some(own) == happened.as_ref());
            match known {
                Some(place) => {
                    self.own.remove(place);
                    self.go_on_if_followed();
                }
                None => {
                    if self.charge == Charge::Recording {
                        self.replay.sent_event(text);
                    }
                    // Where nobody listens they are taken and dropped.
                    self.events.push(text.to_owned());
                }
            }
            return;
        }
        if message.id != Some(self.number) {
            return;
        }
        let Some(running) = &mut self.running else {
            return;
        };
        match (&running.change, message.error) {
            (Some(change), Some(error)) => {
                let text = format!(
                    "the QEMU behind the recording refuses {}: {error}",
                    change.request
                );
                self.charge = Charge::Alone(text);
                self.give_up();
            }
            (Some(_), None) => {
                running.answered = Some(None);
                self.go_on_if_followed();
            }
            (None, error) => {
                let outcome = match (message.success, error) {
                    (Some(success), _) => Outcome::Text(spaced(success.get())),
                    (None, Some(error)) => Outcome::ErrorText(spaced(error.get())),
                    (None, None) => return,
                };
                let succeeded = matches!(outcome, Outcome::Text(_));
                if running.departs && succeeded {
                    self.charge = Charge::Qemu;
                    self.own.clear();
                }
                self.running = None;
                self.done = Some(Execution {
                    before: std::mem::take(&mut self.events),
                    ..Execution::reply(outcome)
                });
            }
        }
    }

    /// The request that waits gets no answer of the QEMU.
    fn give_up(&mut self) {
        let Some(running) = self.running.take() else {
            return;
        };
        let refused = self.refuse(running.request);
        self.done = Some(Execution {
            before: std::mem::take(&mut self.events),
            ..refused
        });
    }

    fn refuse(&mut self, request: String) -> Execution {
        let reason = match &self.charge {
            Charge::Alone(reason) => reason.clone(),
            _ => "the QEMU behind the recording has another request at hand".to_owned(),
        };
        let problem = format!("not recorded in this state, and {reason}");
        let failure = Failure::generic(format!("{problem}: {request}"));
        if self.unmatched.unmatched.len() < MOST_UNMATCHED {
            self.unmatched.unmatched.push(Unmatched {
                request,
                problem,
                ..Unmatched::default()
            });
        } else {
            self.unmatched.unmatched_more += 1;
        }
        Execution::fail(failure)
    }

    /// Notes events that the recording sends.
    fn note_own(&mut self, events: &[String]) {
        for happened in events.iter().filter_map(|text| Happened::read(text)) {
            if let Some(change) = self.behind.back_mut() {
                change.events.push(happened.clone());
            }
            self.own.push_back(happened);
        }
        while self.own.len() > MOST {
            self.own.pop_front();
        }
    }

    /// Lets the recording answer, and keeps what the QEMU has to make good.
    fn recorded(&mut self, call: Call<'_>) -> Execution {
        let changes = changes_state(call.command, call.arguments);
        let request = request(call.command, call.arguments);
        let execution = self.replay.execute(call);
        let succeeded = matches!(
            execution.outcome,
            Some(Outcome::Text(_) | Outcome::Value(_))
        );
        if !matches!(self.charge, Charge::Alone(_)) {
            // What was still to come of an earlier change is before this one.
            if changes && succeeded {
                if self.behind.len() == MOST {
                    let text = format!("there were more than {MOST} changes");
                    self.charge = Charge::Alone(text);
                    self.behind.clear();
                } else {
                    self.behind.push_back(Change {
                        request,
                        events: Vec::new(),
                    });
                }
            }
            self.note_own(&execution.before);
            self.note_own(&execution.after);
        }
        execution
    }
}

impl Backend for Through {
    fn version(&self) -> &QemuVersion {
        self.replay.version()
    }

    fn greeting(&self) -> Option<String> {
        self.replay.greeting()
    }

    fn first_descriptor(&self) -> Option<i64> {
        self.replay.first_descriptor()
    }

    fn command(&mut self, name: &str) -> Option<Known> {
        let known = self.replay.command(name)?;
        let too_early = known.too_early && self.charge != Charge::Qemu;
        Some(Known { too_early, ..known })
    }

    fn execute(&mut self, call: Call<'_>) -> Execution {
        let alone = matches!(self.charge, Charge::Alone(_));
        let text = request(call.command, call.arguments);
        if DESCRIPTOR_COMMANDS.contains(&call.command) && !alone && self.running.is_none() {
            // The recording may write into them as well as the QEMU.
            let copies = call.descriptors.copies();
            let execution = self.replay.execute(call);
            if !matches!(execution.outcome, Some(Outcome::Value(_))) {
                return execution;
            }
            return self.pass(text, copies, false);
        }
        let holds = self.charge != Charge::Qemu && self.replay.holds(call.command, call.arguments);
        if holds || alone && DESCRIPTOR_COMMANDS.contains(&call.command) {
            return self.recorded(call);
        }
        if alone || self.running.is_some() {
            return self.refuse(text);
        }
        let departs = changes_state(call.command, call.arguments);
        self.pass(text, Vec::new(), departs)
    }

    fn attached(&mut self, now: Duration) {
        self.replay.attached(now);
    }

    fn deadline(&self) -> Option<Duration> {
        let recorded = match self.charge {
            Charge::Qemu => None,
            _ => self.replay.deadline(),
        };
        let answered = self.running.as_ref().and_then(|running| running.answered);
        let waits =
            answered.map(|since| since.map_or(Duration::ZERO, |since| since + EVENT_PATIENCE));
        [recorded, waits].into_iter().flatten().min()
    }

    fn due(&mut self, now: Duration) -> Vec<String> {
        let running = self.running.as_mut();
        let answered = running.and_then(|running| running.answered.as_mut());
        if answered.is_some_and(|since| now >= *since.get_or_insert(now) + EVENT_PATIENCE) {
            self.proceed();
        }
        // Before the answer at hand belongs what came before it.
        let mut events = match self.running.is_some() || self.done.is_some() {
            true => Vec::new(),
            false => std::mem::take(&mut self.events),
        };
        if self.charge != Charge::Qemu {
            let recorded = self.replay.due(now);
            self.note_own(&recorded);
            events.extend(recorded);
        }
        events
    }

    fn go_to_moment(&mut self, number: u32, now: Duration) -> bool {
        let found = self.replay.go_to_moment(number, now);
        if found && self.charge == Charge::Recording {
            self.leave("the recording was set to another moment");
        }
        found
    }

    fn check(&self, command: &str, arguments: &Object) -> Result<(), Failure> {
        self.replay.check(command, arguments)
    }

    fn sent_event(&mut self, text: &str) {
        self.replay.sent_event(text);
    }

    fn answered_before(&mut self, command: &str, arguments: &Object, returned: &str) {
        self.replay.answered_before(command, arguments, returned);
    }

    fn refused(&mut self, command: &str, now: Duration) -> Vec<String> {
        match self.charge {
            Charge::Qemu => Vec::new(),
            _ => self.replay.refused(command, now),
        }
    }

    fn reset(&mut self) {
        self.replay.reset();
        self.unmatched = Leftovers::default();
        // It is where it was at first if nothing was ever asked of it.
        if self.number > 0 {
            self.leave("the QEMU behind the recording does not start again with it");
        }
        self.behind.clear();
        self.own.clear();
    }

    fn leftovers(&self) -> Leftovers {
        self.replay.leftovers().and(self.unmatched.clone())
    }

    fn link(&mut self) -> Option<&mut dyn Link> {
        Some(self)
    }
}

impl Through {
    /// Passes a request on, after the changes that the QEMU has still to make.
    fn pass(&mut self, request: String, descriptors: Vec<OwnedFd>, departs: bool) -> Execution {
        self.running = Some(Running {
            request,
            descriptors,
            change: None,
            answered: None,
            departs,
        });
        self.proceed();
        Execution::waiting()
    }

    /// The QEMU is not asked any more.
    fn leave(&mut self, reason: &str) {
        self.charge = Charge::Alone(reason.to_owned());
        self.behind.clear();
        self.own.clear();
        self.give_up();
    }
}

impl Link for Through {
    fn received(&mut self, bytes: &[u8]) {
        if let Some(recorder) = &self.recorder {
            recorder.recorder().qemu_sent(bytes);
        }
        for message in self.framer.feed(bytes) {
            self.message(&message);
        }
    }

    fn closed(&mut self) {
        if let Some(recorder) = &self.recorder {
            recorder.recorder().qemu_closed();
        }
        let departs = self.running.as_ref().is_some_and(|one| one.departs);
        if self.charge == Charge::Qemu || departs {
            self.over = true;
        }
        if !matches!(self.charge, Charge::Alone(_)) {
            self.leave("the QEMU behind it is gone");
        }
    }

    fn completed(&mut self) -> Option<Execution> {
        self.done.take()
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

/// A request's text, without id.
fn request(command: &str, arguments: &Object) -> String {
    let mut members = Object::from([("execute".to_owned(), Value::String(command.to_owned()))]);
    if !arguments.is_empty() {
        members.insert("arguments".to_owned(), Value::Object(arguments.clone()));
    }
    let mut out = Vec::new();
    write_value(&mut out, &Value::Object(members), Style::Compact);
    String::from_utf8(out).unwrap_or_default()
}

fn spaced(text: &str) -> Arc<[u8]> {
    let mut out = Vec::new();
    respace(&mut out, text);
    out.into()
}
