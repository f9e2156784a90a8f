// SPDX-License-Identifier: GPL-2.0-or-later
//! The prompt: a user types, TAB completes, Ctrl-C cancels the running command, Ctrl-D leaves. When
//! QEMU goes, the prompt stays.

use std::fmt::Write;
use std::time::Duration;

use hmp_engine::engine::{Monitor, secret};
use hmp_engine::qmp::QmpError;
use tokio::signal::unix::Signal;
use tokio::time::timeout;

use super::candidates::with_files;
use super::connect::Link;
use super::editor::Editor;
use super::exit::Exit;
use super::home::Home;
use super::question::Said;
use super::screen::{say, say_lines};
use super::worker::{End, Next, Worker, shown};

/// How long QEMU may take to give candidates; the editor waits a little longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is said to a line that needs a VM, where there is none.
const NO_VM: &str =
    "there is no VM; 'connect' looks for it again, 'connect ADDRESS' for another, Ctrl-D leaves";

/// What a user at the prompt does next.
enum Typed {
    Line(String),
    Interrupted,
    Leave(Exit),
}

/// A prompt with its VM, which may be gone.
pub(super) struct Prompt<'p> {
    pub(super) worker: &'p mut Worker,
    pub(super) editor: &'p mut Editor,
    pub(super) interrupts: &'p mut Signal,
    pub(super) home: &'p Home,
    /// Whether the VM is gone.
    pub(super) gone: bool,
}

impl Prompt<'_> {
    /// Shows the banner, then runs what is typed.
    pub(super) async fn run(&mut self) -> Exit {
        let version = self.worker.monitor.caps().version;
        let _ = writeln!(
            self.worker.screen,
            "QEMU {version} monitor - type 'help' for more information"
        );
        loop {
            self.worker.screen.end_answer(false);
            if self.worker.screen.error().is_some() {
                return self.worker.unheard();
            }
            let line = match self.prompt().await {
                Typed::Line(line) => line,
                Typed::Interrupted => continue,
                Typed::Leave(exit) => return exit,
            };
            if let Some(exit) = self.line(&line).await {
                return exit;
            }
        }
    }

    /// Runs a line; the exit code where it was the last.
    async fn line(&mut self, line: &str) -> Option<Exit> {
        let mut words = line.split_ascii_whitespace();
        let first = words.next();
        if self.gone || first == Some("connect") {
            self.worker.history.add(line);
        }
        match first {
            Some("connect") => {
                let address = words.next().map(str::to_owned);
                self.connect(address.as_deref()).await;
                return None;
            }
            Some("quit" | "q") if self.gone => return Some(self.worker.exit()),
            None if self.gone => return None,
            Some(_) if self.gone => {
                say(NO_VM);
                self.worker.failed = true;
                return None;
            }
            _ => {}
        }
        forget(self.interrupts).await;
        let next = tokio::select! {
            biased;
            _ = self.interrupts.recv() => None,
            next = self.worker.line(line) => Some(next),
        };
        self.worker.screen.fresh_line();
        match next {
            None => {
                let goes_on = self.worker.give_up().await;
                let goes_on = goes_on.map_or_else(String::new, |text| format!("; {text}"));
                say(&format!("cancelled{goes_on}"));
            }
            Some(Next::Go) => {}
            Some(Next::Unheard) => return Some(self.worker.unheard()),
            Some(Next::Quit) => {
                self.worker.gone().await;
                return Some(self.worker.exit());
            }
            // A limit of ours was passed: the connection is as good as before.
            Some(Next::Lost(error @ (QmpError::Timeout { .. } | QmpError::Stalled { .. })))
                if self.worker.client.end().is_none() =>
            {
                self.worker.lost(&error.to_string()).await;
                self.worker.failed = true;
            }
            Some(Next::Lost(error)) => {
                let exit = self.worker.lost(&error.to_string()).await;
                for text in not_run(line, &self.editor.typed_ahead()) {
                    say(&text);
                }
                if self.home.exit_on_end {
                    return Some(exit);
                }
                self.gone = true;
                self.worker.failed = true;
                say(NO_VM);
            }
        }
        None
    }

    /// Waits at the prompt. TAB is answered meanwhile, and the connection watched.
    async fn prompt(&mut self) -> Typed {
        self.editor.prompt();
        loop {
            let said = tokio::select! {
                biased;
                said = self.editor.said() => said,
                end = self.worker.end(), if !self.gone => {
                    if let Some(exit) = self.went(end).await {
                        return Typed::Leave(exit);
                    }
                    continue;
                }
                back = self.home.back(), if self.gone => {
                    self.took(back);
                    let text = self.greeting();
                    self.editor.above(&format!("hmp: {text}\n"));
                    continue;
                }
                // Comes only from outside: keys are the editor's.
                _ = self.interrupts.recv() => continue,
            };
            match said {
                Said::Complete { line, pos, reply } => {
                    // The editor may have given up.
                    let _ = reply.send(self.candidates(&line, pos).await);
                }
                Said::Line(line) => return Typed::Line(line),
                Said::Interrupted => return Typed::Interrupted,
                Said::End => return Typed::Leave(self.worker.exit()),
                Said::Failed(text) => {
                    say(&format!("can't read the terminal: {text}"));
                    return Typed::Leave(Exit::Failed);
                }
            }
        }
    }

    async fn candidates(&mut self, line: &str, pos: usize) -> (usize, Vec<String>) {
        if self.gone {
            return (pos, Vec::new());
        }
        let question = self.worker.monitor.complete(line, pos);
        let found = timeout(PATIENCE, question).await.unwrap_or_default();
        let (start, place) = (found.start, self.worker.place());
        (start, with_files(found, &place, line, pos))
    }

    /// The connection ended while nothing ran: says so above the line that is typed.
    async fn went(&mut self, end: End) -> Option<Exit> {
        let announced = matches!(end, End::Shutdown(_));
        let mut text = format!("hmp: {}\n", self.worker.farewell(end).await);
        for line in not_run("", &self.editor.typed_ahead()) {
            let _ = writeln!(text, "hmp: {line}");
        }
        if self.home.exit_on_end {
            // The cursor is behind the prompt and what was typed.
            self.worker.screen.break_line();
            for line in text.lines() {
                say(line.trim_start_matches("hmp: "));
            }
            return Some(if announced {
                self.worker.exit()
            } else {
                Exit::Lost
            });
        }
        self.gone = true;
        self.editor.above(&text);
        None
    }

    /// `connect`, `connect ADDRESS`.
    async fn connect(&mut self, address: Option<&str>) {
        if address.is_none() && !self.gone {
            say("connected already");
            return;
        }
        let connecting = self.home.connect(address);
        forget(self.interrupts).await;
        let connected = tokio::select! {
            biased;
            _ = self.interrupts.recv() => Err("cancelled".into()),
            connected = connecting => connected,
        };
        match connected {
            Ok(link) => {
                self.took(link);
                say(&self.greeting());
            }
            Err(text) => {
                say_lines(&text);
                self.worker.failed = true;
            }
        }
    }

    /// Goes on with another connection.
    fn took(&mut self, (link, monitor): (Link, Monitor)) {
        self.worker.renew(link.client, link.events, monitor);
        self.gone = false;
    }

    fn greeting(&self) -> String {
        let version = self.worker.monitor.caps().version;
        match self.worker.client.peer() {
            Some(peer) => format!("connected to QEMU {version} (process {})", peer.pid),
            None => format!("connected to QEMU {version}"),
        }
    }
}

/// What is said of lines that were typed ahead behind `before` and are not run. What may have been
/// the answer to a question for a secret is not shown.
fn not_run(before: &str, lines: &[String]) -> Vec<String> {
    let befores = std::iter::once(before).chain(lines.iter().map(String::as_str));
    let said = befores.zip(lines).map(|(before, line)| {
        let line = match secret::asks_for_one(before) {
            true => "...".to_owned(),
            false => shown(line),
        };
        format!("not run: {line}")
    });
    said.collect()
}

/// Forgets a Ctrl-C that came before the line was complete.
async fn forget(interrupts: &mut Signal) {
    // The runtime looks for news before it goes on.
    tokio::task::yield_now().await;
    tokio::select! {
        biased;
        _ = interrupts.recv() => {}
        () = std::future::ready(()) => {}
    }
}
