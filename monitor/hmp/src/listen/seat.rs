// SPDX-License-Identifier: GPL-2.0-or-later
//! What a client has of its own: a monitor, a line, and the work that its last line began.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use hmp_engine::command::nature::Effect;
use hmp_engine::engine::{Monitor, Outcome, Sink};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::timeout;

use crate::host::files::{unquoted, with_files};
use crate::listen::host::SeatHost;
use crate::listen::outlet::Outlet;
use crate::listen::qemu::Qemu;
use crate::listen::state::State;
use crate::listen::text;
use crate::readline::{Entered, Position, Readline};

/// How long candidates may take: their client waits at a keyboard.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long QEMU may take to take back what a line left.
const TIDYING: Duration = Duration::from_secs(2);

/// A place at the monitor.
pub(super) struct Seat {
    qemu: Arc<Qemu>,
    state: Arc<State>,
    host: Arc<SeatHost>,
    outlet: Outlet,
    readline: Readline,
    /// Not there while it works.
    monitor: Option<Monitor>,
    work: Option<Work>,
    /// Whether its QEMU was told to quit.
    quit: bool,
}

/// A line that runs, or candidates that are looked for, on a task of their own: they go on without
/// the client.
struct Work {
    task: JoinHandle<(Monitor, Done)>,
    is_line: bool,
    /// Where the secret goes that was asked for.
    answer: Option<oneshot::Sender<String>>,
}

/// What work came to.
enum Done {
    Ran {
        quit: bool,
    },
    Found {
        candidates: Vec<Vec<u8>>,
        typed: usize,
    },
}

impl Seat {
    pub(super) fn new(qemu: Arc<Qemu>, state: Arc<State>, position: Position) -> Self {
        let outlet = Outlet::default();
        let host = Arc::new(SeatHost::new(Arc::clone(&state), outlet.clone()));
        Self {
            readline: Readline::new(qemu.has_emacs_keys(), position),
            monitor: Some(qemu.monitor(host.clone())),
            qemu,
            state,
            host,
            outlet,
            work: None,
            quit: false,
        }
    }

    /// Greets a client who sits down.
    pub(super) fn greet(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.qemu.greeting().as_bytes());
        self.readline.restart();
        if !self.is_busy() || self.qemu.prompts_while_suspended() {
            self.readline.prompt(out);
        }
        let asked = self.work.as_ref().is_some_and(|work| work.answer.is_some());
        self.outlet.deafen(asked);
    }

    /// The client leaves: what is not answered yet is for nobody.
    pub(super) fn leave(&self) {
        self.outlet.deafen(true);
    }

    /// Whether bytes have to wait.
    pub(super) fn is_busy(&self) -> bool {
        self.quit || self.work.as_ref().is_some_and(|work| work.answer.is_none())
    }

    /// Whether there is work to wait for.
    pub(super) fn works(&self) -> bool {
        self.work.is_some()
    }

    /// Whether a line runs or asks, which goes on without the client.
    pub(super) fn goes_on(&self) -> bool {
        self.work.as_ref().is_some_and(|work| work.is_line)
    }

    /// Whether QEMU was told to quit: it will close the connection.
    pub(super) fn has_quit(&self) -> bool {
        self.quit
    }

    /// Whether nothing is left of the work.
    pub(super) fn is_over(&self) -> bool {
        self.work
            .as_ref()
            .is_none_or(|work| work.task.is_finished())
    }

    /// The recalled line of the history.
    pub(super) fn position(&self) -> Position {
        self.readline.position
    }

    /// A descriptor came with the next byte.
    pub(super) fn receive(&self, descriptor: OwnedFd) {
        self.host.receive(descriptor);
    }

    /// Takes a byte from the client.
    pub(super) fn byte(&mut self, byte: u8, out: &mut Vec<u8>) {
        let readline = &mut self.readline;
        let entered = self
            .state
            .with_history(|history| readline.byte(byte, history, out));
        match entered {
            None => {}
            Some(Entered::Line(line)) => self.run(&line),
            Some(Entered::Complete(left)) => self.complete(&left),
            Some(Entered::Secret(secret)) => {
                let work = self.work.as_mut();
                if let Some(answer) = work.and_then(|work| work.answer.take()) {
                    // The built-in has no word on what becomes of it.
                    self.outlet.deafen(true);
                    let _ = answer.send(text::decode(&secret));
                }
            }
        }
    }

    fn run(&mut self, line: &[u8]) {
        let (state, mut outlet) = (Arc::clone(&self.state), self.outlet.clone());
        let (line, bytes) = (text::decode(line), line.to_vec());
        self.begin(true, async move |mut monitor| {
            let before = state.kept();
            monitor.keep(before);
            // What is wrong with a line is said of its bytes.
            let wrong = !line.is_ascii() && monitor.explain(&line).plan.is_none();
            let line = if wrong { text::as_bytes(&bytes) } else { line };
            let quit = run(&mut monitor, &line, &mut outlet).await;
            state.keep(before, monitor.kept());
            if !monitor.is_tidy() {
                // What is left then is tried again before the next line.
                let _ = timeout(TIDYING, monitor.tidy()).await;
            }
            (monitor, Done::Ran { quit })
        });
    }

    fn complete(&mut self, left: &[u8]) {
        let (line, place) = (text::decode(left), self.qemu.place());
        self.begin(false, async move |mut monitor| {
            let found = timeout(PATIENCE, monitor.complete(&line, line.len())).await;
            let completion = found.unwrap_or_default();
            let typed = line.get(completion.start..).unwrap_or_default();
            let typed = text::encode(unquoted(typed)).len();
            let candidates = with_files(completion, &place, &line, line.len());
            let candidates = candidates.iter().map(|text| text::encode(text));
            let candidates = candidates.collect();
            (monitor, Done::Found { candidates, typed })
        });
    }

    fn begin<F>(&mut self, is_line: bool, work: impl FnOnce(Monitor) -> F)
    where
        F: Future<Output = (Monitor, Done)> + Send + 'static,
    {
        if let Some(monitor) = self.monitor.take() {
            let task = tokio::spawn(work(monitor));
            self.work = Some(Work {
                task,
                is_line,
                answer: None,
            });
        }
    }

    /// Waits for news of the work; where there is none, for ever.
    pub(super) async fn news(&mut self) -> News {
        let Some(work) = &mut self.work else {
            return std::future::pending().await;
        };
        tokio::select! {
            biased;
            () = self.outlet.news() => News(None),
            ended = &mut work.task => News(Some(ended)),
        }
    }

    /// Writes what the news are about.
    pub(super) fn hear(&mut self, news: News, out: &mut Vec<u8>) {
        self.outlet.take(out);
        let Some(ended) = news.0 else {
            if let (Some(question), Some(work)) = (self.host.question(), &mut self.work) {
                work.answer = Some(question.answer);
                self.readline.ask(&question.prompt);
                self.readline.prompt(out);
            }
            return;
        };
        self.work = None;
        self.outlet.deafen(false);
        let (monitor, done) = ended.unwrap_or_else(|_| {
            let monitor = self.qemu.monitor(self.host.clone());
            (monitor, Done::Ran { quit: false })
        });
        self.monitor = Some(monitor);
        match done {
            Done::Ran { quit } => {
                self.quit = quit;
                if !quit {
                    self.readline.prompt(out);
                }
            }
            Done::Found { candidates, typed } => self.readline.complete(candidates, typed, out),
        }
    }
}

/// That the work has text or a question, or how it ended.
pub(super) struct News(Option<Result<(Monitor, Done), JoinError>>);

/// Runs a line; whether QEMU ends, or is not to be reached any more.
async fn run(monitor: &mut Monitor, line: &str, out: &mut dyn Sink) -> bool {
    if let Some(byte) = text::unsayable(line) {
        let decision = monitor.explain(line);
        if decision.plan.is_some() && decision.effect() != Some(Effect::Looks) {
            let _ = out.error(&format!(
                "Error: QMP has no way to say the byte 0x{byte:02x}\n"
            ));
            return false;
        }
    }
    let ran = monitor.run_line(line, out).await;
    let _ = out.write_str(&ran.shown_notes());
    match ran.outcome {
        Outcome::Done | Outcome::Failed => false,
        Outcome::Quit => true,
        // The connection's end closes the clients; what took too long leaves them.
        Outcome::Disconnected(error) => {
            let _ = out.error(&format!("Error: {error}\n"));
            false
        }
    }
}
