// SPDX-License-Identifier: GPL-2.0-or-later
//! Runs lines one after the other and keeps count of what happened.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use hmp_engine::engine::{Answer, Monitor, Outcome, secret};
use hmp_engine::qmp::quote::quote;
use hmp_engine::qmp::{Qmp, QmpError};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::client::{self, Client, Event, Events, Life};
use crate::host::files::Place;
use crate::repl::exit::Exit;
use crate::repl::history::Session;
use crate::repl::options::Form;
use crate::repl::screen::{Screen, say};
use crate::repl::signals::Caught;

/// How long `quit` waits for QEMU to be gone.
const QUIT: Duration = Duration::from_secs(10);

/// How long QEMU may take to take back what a line left.
const TIDYING: Duration = Duration::from_secs(2);

/// How often, and between what pauses, a process is looked at that may be about to end.
const DYING: u32 = 50;
const MOMENT: Duration = Duration::from_millis(10);

/// What to do after a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Take the next one.
    Go,
    /// QEMU quits.
    Quit,
    /// QEMU can't be reached any more, or does not answer.
    Lost(QmpError),
    /// Nobody reads our output.
    Unheard,
}

/// How a connection ended, seen from outside of a command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// QEMU said that it ends, and why (`guest-shutdown`, `host-signal`, ...).
    Shutdown(String),
    /// It said nothing.
    Lost,
}

pub(super) struct Worker {
    pub(super) monitor: Monitor,
    pub(super) client: Client,
    pub(super) events: Events,
    pub(super) screen: Screen,
    /// The lines of this session.
    pub(super) history: Arc<Session>,
    pub(super) form: Form,
    pub(super) null: bool,
    /// Whether a user reads the answers at a prompt.
    pub(super) prompt: bool,
    pub(super) failed: bool,
    /// The line that runs; one whose future was dropped stays here.
    pub(super) running: Option<String>,
    /// How many requests had gone to QEMU when it began.
    pub(super) sent: u64,
    /// The line that was given up last, as long as QEMU may be at it.
    pub(super) behind: Option<String>,
    /// The reason of the last SHUTDOWN event.
    pub(super) shutdown: Option<String>,
}

impl Worker {
    /// Runs or explains one line and writes its answer.
    pub(super) async fn line(&mut self, line: &str) -> Next {
        self.line_with(line, None).await
    }

    /// The same, with the answer that came ahead of the line's turn, if one did.
    pub(super) async fn line_with(&mut self, line: &str, answer: Option<Answer>) -> Next {
        self.history.add(line);
        if let Some(earlier) = self.behind.take_if(|_| self.client.is_behind()) {
            say(&format!("QEMU still answers an earlier line: {earlier}"));
            self.behind = Some(earlier);
        } else {
            self.behind = None;
        }
        self.begins(line.to_owned());
        let next = self.carried_out(line, answer).await;
        self.running = None;
        next
    }

    /// Runs a line once more, which is no line of the history then.
    pub(super) async fn again(&mut self, line: &str) -> Next {
        self.begins(line.to_owned());
        let next = self.carried_out(line, None).await;
        self.running = None;
        next
    }

    async fn carried_out(&mut self, line: &str, answer: Option<Answer>) -> Next {
        let outcome = match self.form {
            Form::Plan => self.explain_line(line),
            Form::Text => {
                // Nobody else's text may do that.
                let command = self.monitor.explain(line).command;
                self.screen.clears(command.as_deref() == Some("clear"));
                let ran = match answer {
                    Some(answer) => {
                        let _ = answer.write(&mut self.screen);
                        answer.ran
                    }
                    None => self.monitor.run_line(line, &mut self.screen).await,
                };
                let _ = self.screen.write_str(&ran.shown_notes());
                if self.prompt && ran.outcome == Outcome::Failed {
                    self.tell_of_pause(ran.command.as_deref()).await;
                }
                ran.outcome
            }
            Form::Json => self.json_line(line, answer).await,
        };
        // A command whose text can't be written fails for no reason of its own.
        if self.screen.error().is_some() {
            return Next::Unheard;
        }
        let next = match outcome {
            Outcome::Done => Next::Go,
            Outcome::Failed => {
                self.failed = true;
                Next::Go
            }
            Outcome::Quit => Next::Quit,
            Outcome::Disconnected(error) => Next::Lost(error),
        };
        if !matches!(next, Next::Lost(_)) {
            self.screen.end_answer(self.null);
        }
        if self.screen.error().is_some() {
            return Next::Unheard;
        }
        next
    }

    /// A `loadvm` that fails leaves a VM stopped that ran: its text says nothing of that.
    async fn tell_of_pause(&mut self, command: Option<&str>) {
        if command != Some("loadvm") {
            return;
        }
        let status = self.client.execute("query-status", Value::Null).await;
        let restoring =
            status.is_ok_and(|s| s.get("status").and_then(Value::as_str) == Some("restore-vm"));
        if restoring {
            self.screen.end_answer(false);
            say("the VM is paused now; 'cont' lets it go on as it was");
        }
    }

    fn explain_line(&mut self, line: &str) -> Outcome {
        let decision = self.monitor.explain(line);
        let _ = writeln!(self.screen, "{}", json!(decision));
        match decision.error {
            Some(_) => Outcome::Failed,
            None => Outcome::Done,
        }
    }

    /// Runs a line and writes what became of it as one JSON object, with the line and the text.
    async fn json_line(&mut self, line: &str, answer: Option<Answer>) -> Outcome {
        let mut text = String::new();
        let ran = match answer {
            Some(answer) => {
                let _ = answer.write(&mut text);
                answer.ran
            }
            None => self.monitor.run_line(line, &mut text).await,
        };
        let mut answer = json!(ran);
        answer["line"] = line.into();
        answer["text"] = text.into();
        let _ = writeln!(self.screen, "{answer}");
        ran.outcome
    }

    /// Where names of files are looked up.
    pub(super) fn place(&self) -> Place {
        let home = std::env::var("HOME").ok();
        match self
            .client
            .peer()
            .and_then(|peer| u32::try_from(peer.pid).ok())
        {
            Some(pid) => Place::of_process(pid, home),
            None => Place::ours(home),
        }
    }

    /// The exit code as long as nothing worse than a failed command happened.
    pub(super) fn exit(&self) -> Exit {
        if self.failed {
            Exit::Failed
        } else {
            Exit::Success
        }
    }

    /// Ends because the connection is lost, or a time-out passed: says so, and what may go on
    /// without it.
    pub(super) async fn lost(&mut self, text: &str) -> Exit {
        say(text);
        self.tidy().await;
        let goes_on = self.monitor.given_up();
        match self.life().await {
            Life::Runs => goes_on.iter().for_each(|text| say(text)),
            Life::Ended => {
                if let Some(peer) = self.client.peer() {
                    say(&format!("QEMU (process {}) has ended", peer.pid));
                }
            }
            Life::Unknown => {
                if let Some(goes_on) = goes_on {
                    say(&format!(
                        "whether QEMU still runs is not known; if it does: {goes_on}"
                    ));
                }
            }
        }
        Exit::Lost
    }

    /// Whether there is a QEMU behind the connection. One that closes its connection because it ends
    /// takes a moment more.
    async fn life(&self) -> Life {
        if self.client.end().is_none() {
            return Life::Runs;
        }
        let Some(peer) = self.client.peer() else {
            return Life::Unknown;
        };
        for _ in 0..DYING {
            if peer.life() != Life::Runs {
                break;
            }
            tokio::time::sleep(MOMENT).await;
        }
        peer.life()
    }

    /// What became of the QEMU whose connection ended while nothing ran.
    pub(super) async fn farewell(&self, end: End) -> String {
        let life = self.life().await;
        let process = match self.client.peer() {
            Some(peer) => format!("QEMU (process {})", peer.pid),
            None => "QEMU".to_owned(),
        };
        match (end, self.client.end(), life) {
            (End::Shutdown(reason), ..) => format!("{process} has ended ({reason})"),
            (End::Lost, Some(end @ client::End::Garbage(_)), _) => end.to_string(),
            (End::Lost, _, Life::Ended) => {
                format!("{process} is gone: it crashed, or was killed")
            }
            (End::Lost, _, Life::Runs) => {
                format!("connection to QEMU lost; {process} is there")
            }
            (End::Lost, ..) => "connection to QEMU lost".to_owned(),
        }
    }

    /// Goes on with another connection.
    pub(super) fn renew(&mut self, client: Client, events: Events, mut monitor: Monitor) {
        // Another QEMU's descriptor sets may have the numbers of ours.
        if client.peer().is_some() && client.peer() == self.client.peer() {
            monitor.goes_on_after(&self.monitor);
        }
        self.client = client;
        self.events = events;
        self.monitor = monitor;
        (self.running, self.behind, self.shutdown) = (None, None, None);
    }

    /// Clears away what lines that were given up left in QEMU, if it answers in time.
    pub(super) async fn tidy(&mut self) {
        if !self.monitor.is_tidy() && self.client.end().is_none() {
            // What is left then is told, and tried again before the next line.
            let _ = timeout(TIDYING, self.monitor.tidy()).await;
        }
    }

    /// The running line was given up (its future dropped): tidies up, and says what goes on in QEMU.
    pub(super) async fn give_up(&mut self) -> Option<String> {
        let line = self.running.take()?;
        self.tidy().await;
        let goes_on = self.monitor.given_up();
        // Lines that were asked ahead are given up by their tasks.
        tokio::task::yield_now().await;
        let behind = self.is_at_it();
        if behind {
            self.behind = Some(shown(&line));
        }
        goes_on.or_else(|| behind.then(|| "QEMU goes on with what it was asked already".into()))
    }

    /// A line begins.
    pub(super) fn begins(&mut self, line: String) {
        self.sent = self.client.requests_sent();
        self.running = Some(line);
    }

    /// Whether QEMU may still work on what the line that began last asked. With eight requests in
    /// flight, those of a line wait for their turn, and are never sent where it is given up.
    pub(super) fn is_at_it(&self) -> bool {
        // Beside a prompt, lines are asked ahead of their turn.
        let sent = !self.prompt || self.client.requests_sent() > self.sent;
        sent && self.client.is_behind()
    }

    /// Ends because a signal asked for it.
    pub(super) async fn stopped(&mut self, caught: Caught) -> Exit {
        let name = caught.name();
        if self.prompt {
            // The cursor may be behind a prompt.
            match self.running {
                Some(_) => self.screen.fresh_line(),
                None => self.screen.break_line(),
            }
            self.screen.end_answer(false);
        }
        match self.give_up().await {
            Some(goes_on) => say(&format!("ended by {name}; {goes_on}")),
            None => say(&format!("ended by {name}")),
        }
        Exit::Signal(caught)
    }

    /// Ends because nobody reads our output: quietly for a closed pipe.
    pub(super) fn unheard(&self) -> Exit {
        self.screen.end(self.exit())
    }

    /// The next event; none at the connection's end.
    pub(super) async fn event(&mut self) -> Option<Event> {
        let event = self.events.recv().await?;
        self.note(&event);
        Some(event)
    }

    /// An event that came already.
    pub(super) fn event_at_hand(&mut self) -> Option<Event> {
        let event = self.events.try_recv()?;
        self.note(&event);
        Some(event)
    }

    /// Keeps the reason for which QEMU ends.
    fn note(&mut self, event: &Event) {
        if event.name == "SHUTDOWN" {
            let reason = event.data.get("reason").and_then(|r| r.as_str());
            self.shutdown = Some(quote(reason.unwrap_or("unknown")).into_owned());
        }
    }

    /// How the connection ended.
    pub(super) fn ended(&mut self) -> End {
        match self.shutdown.take() {
            Some(reason) => End::Shutdown(reason),
            None => End::Lost,
        }
    }

    /// Waits for the connection's end. Events that come before it are not shown.
    pub(super) async fn end(&mut self) -> End {
        while self.event().await.is_some() {}
        self.ended()
    }

    /// After `quit`: waits until QEMU is gone, though not for ever.
    pub(super) async fn gone(&mut self) {
        let _ = timeout(QUIT, self.end()).await;
    }
}

/// A line for a message: not what may be secret, and not all of a long one.
pub(super) fn shown(line: &str) -> String {
    if secret::may_hold_one(line) {
        let command = line.split_ascii_whitespace().next().unwrap_or_default();
        return format!("{} ...", quote(command));
    }
    quote(line).into_owned()
}
