// SPDX-License-Identifier: GPL-2.0-or-later
//! A line that was typed: what the prompt itself does with it, and where its answer goes.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter};
use std::mem;
use std::os::unix::process::ExitStatusExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hmp_engine::command::nature::Effect;
use hmp_engine::command::route::PASSTHROUGH;
use hmp_engine::command::rows::Rows;
use hmp_engine::qmp::QmpError;
use hmp_engine::qmp::quote::quote;
use hmp_engine::table;
use tokio::time::{sleep, timeout};

use crate::repl::aside::child::{self, Fed, shell};
use crate::repl::aside::pager::Pager;
use crate::repl::aside::patient::Patience;
use crate::repl::aside::tail::{Tail, has_signs, split};
use crate::repl::blocking::blocking;
use crate::repl::events::news::run_state;
use crate::repl::own::pages::{self, Own};
use crate::repl::own::{depth, qmp};
use crate::repl::prompt::connect::{NO_VM, not_run};
use crate::repl::prompt::long::{GLANCE, Long};
use crate::repl::prompt::moved::{self, Moved};
use crate::repl::prompt::state::{After, Prompt};
use crate::repl::screen::say;
use crate::repl::worker::Next;
use crate::terminal::escape::on_one_line;
use crate::terminal::style::Tint;

/// How long QEMU may take to say in which state a long line left the VM.
const ANSWER: Duration = Duration::from_secs(1);

/// How long work that was given up is waited for.
const ENDING: Duration = Duration::from_secs(1);

/// The signal of Ctrl-C.
pub(super) const INTERRUPT: i32 = 2;

/// Where an answer goes while a line runs.
pub(super) enum Aside {
    Terminal,
    File,
    /// One that may keep its writer waiting (a pipe, a terminal): the answer is written to it when
    /// it is complete.
    Patient(File, Held),
    Program(Fed),
    Pager(Pager),
}

/// An answer that is held back.
#[derive(Clone, Default)]
pub(super) struct Held(Arc<Mutex<Vec<u8>>>);

impl Held {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl io::Write for Held {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How much of an answer is where it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    Whole,
    /// As much as was wanted.
    Cut,
    /// As much as there was until Ctrl-C.
    Interrupted,
}

impl Prompt<'_> {
    /// Runs a line.
    pub(super) async fn line(&mut self, line: &str) -> After {
        let rows = self.worker.monitor.rows();
        let line = spelled_out(line, &self.settings.aliases, rows);
        let own = pages::find(&line, self.worker.monitor.rows());
        let connects = own
            .as_ref()
            .is_some_and(|(page, _)| page.own == Own::Connect);
        if self.now.gone || own.is_some() {
            self.worker.history.add(&line);
        }
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("quit" | "q") if self.now.gone => return After::Leave(self.worker.exit()),
            None if self.now.gone => return After::Go,
            Some(_) if self.now.gone && own.as_ref().is_none_or(|(page, _)| needs_vm(page.own)) => {
                say(NO_VM);
                self.worker.failed = true;
                return After::Go;
            }
            _ => {}
        }
        if connects {
            let address = words.next().map(str::to_owned);
            match words.next() {
                None => self.connect(address.as_deref()).await,
                Some(word) => {
                    say(&format!("'{word}' is too much: connect goes to one VM"));
                    self.worker.failed = true;
                }
            }
            return After::Go;
        }
        let Some(line) = self.helped(line) else {
            return After::Go;
        };
        let Some((left, tail)) = self.parted(&line) else {
            return After::Go;
        };
        if !self.confirmed(left).await {
            return After::Go;
        }
        self.now.aside = tail.is_some();
        let aside = match self.open(left, tail).await {
            Ok(aside) => aside,
            Err(text) => {
                say(&text);
                self.worker.failed = true;
                return After::Go;
            }
        };
        let failed = self.worker.failed;
        let after = self.carried_out(left).await;
        if self.close(aside).await == Closed::Cut {
            // Whoever reads no more has seen enough.
            self.worker.failed = failed;
        }
        after
    }

    /// Answers help about the prompt's own commands; none then. Help about an alias is help about
    /// what it stands for, which is said.
    fn helped(&mut self, line: String) -> Option<String> {
        let trimmed = line.trim();
        let Some(("help" | "?", name)) = trimmed.split_once(|c: char| c.is_ascii_whitespace())
        else {
            return Some(line);
        };
        let rows = self.worker.monitor.rows();
        let name = name.trim();
        if let Some(page) = pages::named(name, rows) {
            let text = self.fitted(&page.to_string());
            self.worker.history.add(&line);
            let _ = self.worker.screen.write_str(&text);
            return None;
        }
        let meant = self.settings.aliases.get(name);
        match meant.filter(|_| !pages::has(rows, name)) {
            Some(meant) => {
                let (text, meant) = (format!("{name} -- short for '{meant}'"), meant.clone());
                let _ = writeln!(self.worker.screen, "{}", on_one_line(&text));
                // What an alias stands for is no alias.
                Some(format!("help {meant}"))
            }
            None => Some(line),
        }
    }

    /// A line without the end that says where its answer goes, and that; none where it is wrong,
    /// which is said.
    pub(super) fn parted<'l>(&mut self, line: &'l str) -> Option<(&'l str, Option<Tail>)> {
        match split(line, |text| self.is_line(text)) {
            None => Some((line, None)),
            Some((left, Ok(tail))) => Some((left, Some(tail))),
            Some((_, Err(text))) => {
                say(&text);
                self.worker.failed = true;
                None
            }
        }
    }

    /// Whether a text is a line that can be carried out.
    pub(super) fn is_line(&self, text: &str) -> bool {
        match pages::find(text, self.worker.monitor.rows()) {
            Some((page, rest)) => match page.own {
                Own::Qmp => qmp::read(rest).is_ok(),
                Own::Explain => self.is_line(rest),
                _ => page.text || !has_signs(text),
            },
            None => {
                let decision = self.worker.monitor.explain(text);
                decision.arguments.is_some()
                    || decision.command.is_none() && decision.error.is_none()
            }
        }
    }

    /// Opens where the answer goes, before the line runs.
    pub(super) async fn open(&mut self, line: &str, tail: Option<Tail>) -> Result<Aside, String> {
        let looks = self.looks(line);
        let Some(tail) = tail else {
            let own = pages::find(line, self.worker.monitor.rows());
            let held = match own {
                Some((page, _)) => matches!(page.own, Own::Apropos | Own::LastEvents | Own::Qmp),
                None => looks && line.trim() != "clear",
            };
            if self.plain || !held {
                return Ok(Aside::Terminal);
            }
            let Some(pager) = Pager::new(&self.settings.pager, self.editor.lender()) else {
                return Ok(Aside::Terminal);
            };
            self.worker.screen.aside(Box::new(pager.paged()), false);
            return Ok(Aside::Pager(pager));
        };
        let mut options = OpenOptions::new();
        let (path, append) = match tail {
            Tail::Pipe(program) => {
                let failed = |error| format!("can't start '{program}': {error}");
                if !child::is_there(&program).map_err(failed)? {
                    return Err(format!("can't start '{program}': there is no such program"));
                }
                let fed = Fed::start(shell(&program), &self.editor.lender(), looks);
                let fed = fed.map_err(failed)?;
                // What the program writes is the terminal's.
                self.worker.screen.aside(Box::new(fed.feed()), true);
                return Ok(Aside::Program(fed));
            }
            Tail::File(path) => (path, false),
            Tail::Append(path) => (path, true),
        };
        let options = options
            .create(true)
            .append(append)
            .write(true)
            .truncate(!append);
        let (mut options, name) = (options.clone(), path.clone());
        let opening = move |patience: &Patience| patience.open(&mut options, &path);
        let opened = self.unless_interrupted(opening).await?;
        let file = opened.map_err(|error| format!("can't open {}: {error}", name.display()))?;
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            let held = Held::default();
            self.worker.screen.aside(Box::new(held.clone()), false);
            return Ok(Aside::Patient(file, held));
        }
        self.worker
            .screen
            .aside(Box::new(BufWriter::new(file)), false);
        Ok(Aside::File)
    }

    /// Does work that may wait for long. Where Ctrl-C comes first it is given up, and the error says
    /// so.
    pub(super) async fn unless_interrupted<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Patience) -> io::Result<T> + Send + 'static,
    ) -> Result<io::Result<T>, String> {
        self.forget_interrupts().await;
        let patience = Patience::default();
        let theirs = patience.clone();
        let work = blocking(move || work(&theirs));
        tokio::pin!(work);
        tokio::select! {
            biased;
            done = &mut work => Ok(done.and_then(|done| done)),
            _ = self.interrupts.recv() => {
                patience.end();
                let _ = timeout(ENDING, work).await;
                self.leave_out();
                Err("cancelled".into())
            }
        }
    }

    /// Waits until the answer is where it should be.
    pub(super) async fn close(&mut self, aside: Aside) -> Closed {
        let written = self.worker.screen.back();
        let broken = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
        let mut closed = match written.as_ref().is_err_and(broken) {
            true => Closed::Cut,
            false => Closed::Whole,
        };
        let unwritten = |error| format!("can't write the file: {error}");
        let failed = match aside {
            Aside::Terminal => None,
            Aside::File => written.err().map(unwritten),
            Aside::Patient(mut file, held) => {
                let bytes = mem::take(&mut *held.lock());
                let writing = move |patience: &Patience| patience.write(&mut file, &bytes);
                match self.unless_interrupted(writing).await {
                    Ok(Err(error)) if broken(&error) => {
                        closed = Closed::Cut;
                        None
                    }
                    Ok(written) => written.err().map(unwritten),
                    Err(_) => {
                        closed = Closed::Interrupted;
                        Some("interrupted; the file does not have all of it".into())
                    }
                }
            }
            Aside::Program(fed) => {
                let ended = fed.end().await;
                if ended
                    .as_ref()
                    .is_ok_and(|status| status.signal() == Some(INTERRUPT))
                {
                    self.leave_out();
                }
                ended
                    .err()
                    .map(|error| format!("can't wait for the program: {error}"))
            }
            Aside::Pager(pager) => match pager.end().await {
                Ok(held) => {
                    self.worker.screen.harmless(&held);
                    None
                }
                Err(error) => Some(format!("can't wait for the pager: {error}")),
            },
        };
        if let Some(text) = failed {
            say(&text);
            self.worker.failed = true;
        }
        closed
    }

    /// Whether a line changes nothing.
    pub(super) fn looks(&self, line: &str) -> bool {
        let effect = self.worker.monitor.explain(line).effect();
        matches!(effect, None | Some(Effect::Looks))
    }

    /// Asks about a line that may lose something, where that is wanted.
    async fn confirmed(&mut self, line: &str) -> bool {
        if !self.settings.confirm {
            return true;
        }
        let loss = match self.loss(line) {
            Some(loss) => Some(loss.to_owned()),
            None => {
                let decision = self.worker.monitor.explain(line);
                moved::replaced(&decision, &self.worker.client).await
            }
        };
        let Some(loss) = loss else {
            return true;
        };
        let question = format!("{loss}. Do it? (y/N) ");
        let answer = self.editor.asker().asks(&question).await;
        let yes = answer.is_some_and(|answer| {
            let answer = answer.trim().to_ascii_lowercase();
            answer == "y" || answer == "yes"
        });
        if !yes {
            say("not done");
        }
        yes
    }

    /// What may be lost by a line, in whatever way it says it.
    fn loss(&self, line: &str) -> Option<&'static str> {
        let explained = |line: &str| self.worker.monitor.explain(line).loss();
        let Some((page, rest)) = pages::find(line, self.worker.monitor.rows()) else {
            return explained(line);
        };
        if page.own != Own::Qmp {
            return None;
        }
        let request = qmp::read(rest).ok()?;
        match request.command.as_str() {
            PASSTHROUGH => explained(request.arguments.get("command-line")?.as_str()?),
            command => table::loss_of_qmp(command),
        }
    }

    async fn carried_out(&mut self, line: &str) -> After {
        self.forget_interrupts().await;
        if let Some((page, rest)) = pages::find(line, self.worker.monitor.rows()) {
            let (own, rest) = (page.own, rest.to_owned());
            return self.own(own, &rest).await;
        }
        let shows = !self.plain && !self.looks(line);
        let decision = self.worker.monitor.explain(line);
        let migrates = decision.command.as_deref() == Some("migrate");
        let detached = decision.arguments.as_ref();
        let detached = detached.is_some_and(|all| all.get("detach") == Some(&true.into()));
        let stage = Arc::clone(&self.home.host.stage);
        let bar = self.worker.screen.bar();
        let moved = match shows {
            true => Moved::by(&decision, &self.worker.client, &self.worker.place()).await,
            false => None,
        };
        let mut long = Long::begin(decision.command.filter(|_| shows), stage, moved, bar);
        let failed = mem::take(&mut self.worker.failed);
        let next = {
            let running = self.worker.line(line);
            tokio::pin!(running);
            loop {
                tokio::select! {
                    biased;
                    _ = self.interrupts.recv() => break None,
                    next = &mut running => break Some(next),
                    () = sleep(GLANCE) => long.show(),
                }
            }
        };
        if migrates && !self.worker.failed && (next.is_none() || detached && next == Some(Next::Go))
        {
            self.awaits_migration();
        }
        self.worker.failed |= failed;
        let taken = long.end();
        self.worker.screen.fresh_line();
        if let Some(taken) = taken.filter(|_| next == Some(Next::Go)) {
            // They are older than what is said here.
            self.tell_what_came().await;
            let state = run_state(&self.worker.client, ANSWER).await;
            let state = state.map_or_else(String::new, |state| format!("; the VM is {state}"));
            let text = format!("it took {:.1} s{state}", taken.as_secs_f64());
            self.worker.screen.line(Tint::Dim, &text);
        }
        let decision = self.worker.monitor.explain(line);
        if next == Some(Next::Go) && decision.command.as_deref() == Some("help") && !self.plain {
            let named = decision
                .arguments
                .as_ref()
                .and_then(|args| args.get("name"));
            let named = named.and_then(|name| name.as_str()).unwrap_or_default();
            let monitor = &self.worker.monitor;
            let fits = |line: &str| monitor.explain(line).error.is_none();
            let text = depth::of(named, monitor.rows(), monitor.caps().version, fits);
            let _ = self.worker.screen.write_str(&text);
        }
        if next == Some(Next::Go) && decision.command.is_none() {
            let meant = self.editor.vocabulary().meant(line);
            let meant: Vec<_> = meant.iter().map(|name| format!("'{name}'")).collect();
            if !meant.is_empty() && !self.plain {
                self.worker.screen.end_answer(false);
                say(&format!("did you mean {}?", meant.join(", ")));
            }
        }
        self.after(line, next).await
    }

    /// What is left to do after a line; without a `next`, it was cancelled.
    pub(super) async fn after(&mut self, line: &str, next: Option<Next>) -> After {
        match next {
            None => {
                let mut goes_on = String::new();
                for id in self.worker.monitor.leave_jobs() {
                    let _ = write!(
                        goes_on,
                        "; the job {} goes on, its end is shown here",
                        quote(&id)
                    );
                    let (client, host) = (self.worker.client.clone(), Arc::clone(&self.home.host));
                    self.now.left.add(id, client, host);
                }
                if let Some(text) = self.worker.give_up().await {
                    let _ = write!(goes_on, "; {text}");
                }
                if self.worker.is_at_it() {
                    self.now.left.add_line(line, self.worker.client.clone());
                }
                let word = match goes_on.is_empty() {
                    true => "cancelled",
                    false => "interrupted",
                };
                say(&format!("{word}{goes_on}"));
                self.leave_out();
            }
            Some(Next::Go) => {}
            Some(Next::Unheard) => return After::Leave(self.worker.unheard()),
            Some(Next::Quit) => {
                self.worker.gone().await;
                return After::Leave(self.worker.exit());
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
                let mut ahead: Vec<String> = self.now.sourced.drain(..).collect();
                ahead.extend(self.editor.typed_ahead());
                for text in not_run(line, &ahead) {
                    say(&text);
                }
                if self.home.exit_on_end {
                    return After::Leave(exit);
                }
                self.now.gone = true;
                self.worker.failed = true;
                say(NO_VM);
            }
        }
        After::Go
    }

    /// Forgets a Ctrl-C that came before the line was complete.
    pub(super) async fn forget_interrupts(&mut self) {
        // The runtime looks for news before it goes on.
        tokio::task::yield_now().await;
        tokio::select! {
            biased;
            _ = self.interrupts.recv() => {}
            () = std::future::ready(()) => {}
        }
    }
}

/// A line with its alias spelled out. QEMU's commands and the prompt's own come first.
pub(super) fn spelled_out(line: &str, aliases: &BTreeMap<String, String>, rows: &Rows) -> String {
    let trimmed = line.trim_start();
    let end = trimmed.find(|c: char| c.is_ascii_whitespace());
    let (first, rest) = trimmed.split_at(end.unwrap_or(trimmed.len()));
    match aliases.get(first) {
        Some(meant) if !pages::has(rows, first) && pages::find(first, rows).is_none() => {
            format!("{meant}{rest}")
        }
        _ => line.to_owned(),
    }
}

/// Whether one of the prompt's own commands is of no use without a VM.
fn needs_vm(own: Own) -> bool {
    matches!(
        own,
        Own::Qmp | Own::Watch | Own::Explain | Own::Screen | Own::Type
    )
}
