// SPDX-License-Identifier: GPL-2.0-or-later
//! Runs lines one after the other and keeps count of what happened.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use hmp_engine::engine::{Monitor, Outcome};
use hmp_engine::qmp::QmpError;
use serde_json::json;
use tokio::time::timeout;

use crate::client::{Client, Events};
use crate::repl::exit::Exit;
use crate::repl::history::Session;
use crate::repl::options::Form;
use crate::repl::screen::{Screen, say};

/// How long `quit` waits for QEMU to be gone.
const QUIT: Duration = Duration::from_secs(10);

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
    pub(super) failed: bool,
    /// The reason of the last SHUTDOWN event.
    pub(super) shutdown: Option<String>,
}

impl Worker {
    /// Runs or explains one line and writes its answer.
    pub(super) async fn line(&mut self, line: &str) -> Next {
        self.history.add(line);
        let outcome = match self.form {
            Form::Plan => self.explain_line(line),
            Form::Text => {
                let ran = self.monitor.run_line(line, &mut self.screen).await;
                let _ = self.screen.write_str(&ran.shown_notes());
                ran.outcome
            }
            Form::Json => self.json_line(line).await,
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

    fn explain_line(&mut self, line: &str) -> Outcome {
        let decision = self.monitor.explain(line);
        let _ = writeln!(self.screen, "{}", json!(decision));
        match decision.error {
            Some(_) => Outcome::Failed,
            None => Outcome::Done,
        }
    }

    /// Runs a line and writes what became of it as one JSON object, with the line and the text.
    async fn json_line(&mut self, line: &str) -> Outcome {
        let mut text = String::new();
        let ran = self.monitor.run_line(line, &mut text).await;
        let mut answer = json!(ran);
        answer["line"] = line.into();
        answer["text"] = text.into();
        let _ = writeln!(self.screen, "{answer}");
        ran.outcome
    }

    /// The exit code as long as nothing worse than a failed command happened.
    pub(super) fn exit(&self) -> Exit {
        if self.failed {
            Exit::Failed
        } else {
            Exit::Success
        }
    }

    /// Ends because the connection is lost: says so, and what may go on without it.
    pub(super) fn lost(&mut self, text: &str) -> Exit {
        say(text);
        if let Some(goes_on) = self.monitor.given_up() {
            say(&goes_on);
        }
        Exit::Lost
    }

    /// Ends because nobody reads our output: quietly for a closed pipe.
    pub(super) fn unheard(&self) -> Exit {
        self.screen.end(self.exit())
    }

    /// Waits for the connection's end. Events that come before it are not shown.
    pub(super) async fn end(&mut self) -> End {
        while let Some(event) = self.events.recv().await {
            if event.name == "SHUTDOWN" {
                let reason = event.data.get("reason").and_then(|r| r.as_str());
                self.shutdown = Some(reason.unwrap_or("unknown").to_owned());
            }
        }
        match self.shutdown.take() {
            Some(reason) => End::Shutdown(reason),
            None => End::Lost,
        }
    }

    /// After `quit`: waits until QEMU is gone, though not for ever.
    pub(super) async fn gone(&mut self) {
        let _ = timeout(QUIT, self.end()).await;
    }
}
