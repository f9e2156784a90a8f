// SPDX-License-Identifier: GPL-2.0-or-later
//! The prompt's own commands, carried out.

use std::fmt::Write;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use hmp_engine::command::cx::CmdError;
use hmp_engine::host::Risk;
use rustix::termios::tcgetwinsize;

use crate::discover::discover;
use crate::repl::aside::child::{self, shell};
use crate::repl::aside::head::Head;
use crate::repl::aside::patient::Patience;
use crate::repl::aside::tail::{at_home, file_name};
use crate::repl::blocking::blocking;
use crate::repl::events::filter::Filter;
use crate::repl::events::progress::Tenths;
use crate::repl::list::list;
use crate::repl::own::pages::{self, Own};
use crate::repl::own::watch::watched;
use crate::repl::own::{apropos, explain, keys, qmp};
use crate::repl::prompt::line::{Aside, Closed, INTERRUPT, spelled_out};
use crate::repl::prompt::state::{After, Prompt};
use crate::repl::screen::say;
use crate::repl::worker::Next;
use crate::terminal::escape::CLEAR;
use crate::terminal::picture::pixmap::Pixmap;
use crate::terminal::picture::protocol::Protocol;
use crate::terminal::picture::text_mode;
use crate::terminal::style::Tint;
use crate::terminal::wrap::wrapped;

/// Bytes of a file of lines, and lines that may wait to be run.
const LONGEST: u64 = 16 << 20;
const WAITING: usize = 100_000;

/// Blanks in front of what did not fit on the line before.
const INDENT: usize = 4;

/// Files that one typed line may bring in.
const DEEPEST: usize = 1000;

impl Prompt<'_> {
    pub(super) async fn own(&mut self, own: Own, rest: &str) -> After {
        let done = match own {
            Own::Allow => self.allow(rest),
            Own::Apropos if rest.is_empty() => Err("a word is missing".to_owned()),
            Own::Apropos => {
                let list = apropos::list(rest, self.worker.monitor.rows());
                let list = match self.now.aside {
                    // A program or a file takes lines as they are.
                    true => list,
                    false => list
                        .lines()
                        .fold(String::new(), |all, line| all + &self.fitted(line)),
                };
                let _ = self.worker.screen.write_str(&list);
                match list.is_empty() {
                    true => Err(format!("no command has to do with '{rest}'")),
                    false => Ok(()),
                }
            }
            Own::Events => self.events(rest).await,
            Own::LastEvents => {
                for line in self.now.news.last() {
                    let _ = writeln!(self.worker.screen, "{line}");
                }
                Ok(())
            }
            Own::Explain if rest.is_empty() => Err("a line is missing".to_owned()),
            Own::Explain => {
                let rows = self.worker.monitor.rows();
                let line = spelled_out(rest, &self.settings.aliases, rows);
                let text = match pages::find(&line, rows) {
                    Some((page, _)) => explain::own(page),
                    None => explain::text(&self.worker.monitor.explain(&line)),
                };
                let _ = self.worker.screen.write_str(&text);
                Ok(())
            }
            Own::Screen => return self.screen(rest).await,
            Own::Type => return self.types(rest).await,
            Own::Shell => self.shell(rest).await,
            Own::Source => self.source(rest).await,
            Own::Qmp => match qmp::read(rest) {
                Ok(request) => return self.qmp(rest, request).await,
                Err(error) => Err(error),
            },
            Own::Watch => match watched(rest) {
                Ok((pause, line)) => {
                    let rows = self.worker.monitor.rows();
                    let line = spelled_out(line, &self.settings.aliases, rows);
                    return self.watch(pause, &line).await;
                }
                Err(error) => Err(error),
            },
            Own::Vms if !rest.is_empty() => Err(format!("'{rest}' is too much: vms lists all")),
            Own::Vms => {
                let list = blocking(|| list(&discover())).await;
                let list = list.map(|list| self.worker.screen.write_str(&list));
                list.map(drop)
                    .map_err(|error| format!("can't look for them: {error}"))
            }
            Own::Connect => Ok(()),
        };
        if let Err(text) = done {
            say(&text);
            self.worker.failed = true;
        }
        After::Go
    }

    /// A line that is parted where the terminal ends, with its end.
    pub(super) fn fitted(&self, line: &str) -> String {
        let (columns, _) = size();
        match self.plain {
            true => format!("{line}\n"),
            false => wrapped(line, columns.saturating_sub(1), INDENT) + "\n",
        }
    }

    /// What lines may do to this VM, as long as it is connected.
    fn allow(&mut self, rest: &str) -> Result<(), String> {
        let monitor = &mut self.worker.monitor;
        if rest.is_empty() {
            let risk = monitor.allowed();
            let line = format!("{}: {}", risk.word(), risk.meaning());
            let _ = writeln!(self.worker.screen, "{line}");
            return Ok(());
        }
        let chosen = Risk::ALL.into_iter().find(|risk| risk.word() == rest);
        let words = Risk::ALL.map(Risk::word).join(", ");
        let chosen = chosen.ok_or_else(|| format!("'{rest}' is none of {words}"))?;
        monitor.allow(chosen);
        Ok(())
    }

    async fn events(&mut self, rest: &str) -> Result<(), String> {
        let words = rest.split(|c: char| c.is_ascii_whitespace() || c == ',');
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        let filter = match words[..] {
            [] => {
                let filter = self.now.news.filter.to_string();
                let progress = match self.now.tenths {
                    Some(_) => ", and progress",
                    None => "",
                };
                let _ = writeln!(self.worker.screen, "events: {filter}{progress}");
                return Ok(());
            }
            ["progress"] | ["progress", "on"] => {
                self.now.tenths = Some(Tenths::default());
                return Ok(());
            }
            ["progress", "off"] => {
                self.now.tenths = None;
                return Ok(());
            }
            ["on"] => Filter::default(),
            ["off"] => Filter::none(),
            ["all"] => Filter::of(&["*"]),
            _ => {
                let filter = Filter::of(&words);
                let schema = self.worker.monitor.caps().schema(&self.worker.client);
                let schema = schema.await.ok();
                if let Some(odd) = schema.and_then(|schema| filter.unknown(&schema.events())) {
                    return Err(format!("no event of this QEMU fits '{odd}'"));
                }
                filter
            }
        };
        self.now.news.filter = filter;
        Ok(())
    }

    async fn shell(&mut self, line: &str) -> Result<(), String> {
        let line = match line {
            "" => std::env::var("SHELL").unwrap_or_else(|_| "/bin/sh".into()),
            line => line.to_owned(),
        };
        self.worker.screen.end_answer(false);
        let status = child::run(shell(&line), &self.editor.lender()).await;
        let status = status.map_err(|error| format!("can't run it: {error}"))?;
        if status.signal() == Some(INTERRUPT) {
            self.leave_out();
        }
        match status.success() {
            true => Ok(()),
            false => Err(format!("the command ended with {status}")),
        }
    }

    async fn source(&mut self, name: &str) -> Result<(), String> {
        if name.is_empty() {
            return Err("a file is missing".into());
        }
        self.now.sources += 1;
        if self.now.sources > DEEPEST {
            self.now.sourced.clear();
            return Err("files name each other without an end; the rest is left out".into());
        }
        let failed = |error: io::Error| format!("can't read {name}: {error}");
        let path = match name.starts_with('"') {
            true => file_name(name)?,
            false => at_home(name),
        };
        let reading = move |patience: &Patience| patience.read(&path, LONGEST + 1);
        let bytes = self.unless_interrupted(reading).await?.map_err(failed)?;
        if bytes.len() as u64 > LONGEST || bytes.contains(&0) {
            return Err(format!("{name} is not a file of lines"));
        }
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().filter(|line| {
            let line = line.trim();
            !line.is_empty() && !line.starts_with('#')
        });
        let lines: Vec<String> = lines.map(str::to_owned).collect();
        if lines.len() + self.now.sourced.len() > WAITING {
            return Err("too many lines wait to be run".into());
        }
        for line in lines.into_iter().rev() {
            self.now.sourced.push_front(line);
        }
        Ok(())
    }

    async fn qmp(&mut self, line: &str, request: qmp::Request) -> After {
        self.worker.begins(format!("qmp {line}"));
        let migrates = request.command == "migrate";
        let failed = std::mem::take(&mut self.worker.failed);
        let executing = qmp::execute(&mut self.worker.monitor, request, &mut self.worker.screen);
        let next = tokio::select! {
            biased;
            _ = self.interrupts.recv() => None,
            done = executing => Some(match done {
                Ok(true) => Next::Go,
                Ok(false) => {
                    self.worker.failed = true;
                    Next::Go
                }
                Err(error) => Next::Lost(error),
            }),
        };
        if next.is_some() {
            self.worker.running = None;
        }
        if migrates && next == Some(Next::Go) && !self.worker.failed {
            self.awaits_migration();
        }
        self.worker.failed |= failed;
        self.after(line, next).await
    }

    /// Shows the VM's screen.
    async fn screen(&mut self, rest: &str) -> After {
        let text_mode = rest == "-t";
        let protocol = match rest {
            "" | "-t" => Protocol::of(|name| std::env::var(name).ok()),
            name => match Protocol::named(name) {
                Some(protocol) => protocol,
                None => return self.failed(&format!("'{name}' is not a way to show a picture")),
            },
        };
        if self.plain && !text_mode {
            return self.failed("this terminal shows no pictures; 'screen -t' shows a text screen");
        }
        let looking = async {
            match text_mode {
                true => {
                    let size = text_mode::SIZE as u64;
                    self.worker
                        .monitor
                        .physical_memory(text_mode::ADDRESS, size)
                        .await
                }
                false => self.worker.monitor.screen().await,
            }
        };
        let seen = tokio::select! {
            biased;
            _ = self.interrupts.recv() => return self.after("screen", None).await,
            seen = looking => seen,
        };
        match seen {
            Err(CmdError::Qmp(error)) if error.is_fatal() => {
                self.after("screen", Some(Next::Lost(error))).await
            }
            Err(error) => self.failed(&error.to_string()),
            Ok(bytes) if text_mode => {
                for line in text_mode::lines(&bytes) {
                    let _ = writeln!(self.worker.screen, "{line}");
                }
                After::Go
            }
            Ok(bytes) => match Pixmap::read(&bytes) {
                None => self.failed("QEMU wrote no picture"),
                Some(picture) => {
                    let (columns, rows) = size();
                    // The prompt is to stand below it.
                    let text = protocol.draw(&picture, columns, rows.saturating_sub(2));
                    self.worker.screen.raw(text.as_bytes());
                    After::Go
                }
            },
        }
    }

    /// Types on the VM's keyboard.
    async fn types(&mut self, rest: &str) -> After {
        let text = match rest {
            "" => return self.failed("a text is missing"),
            "-p" => match self.editor.asker().unseen("Text: ").await {
                Some(text) => text,
                None => return After::Go,
            },
            text => text.to_owned(),
        };
        let keys = match keys::of(&text) {
            Ok(keys) => keys,
            Err(error) => return self.failed(&error),
        };
        let sent = tokio::select! {
            biased;
            _ = self.interrupts.recv() => return self.after("type", None).await,
            sent = keys::send(&mut self.worker.monitor, keys) => sent,
        };
        match sent {
            Ok(()) => After::Go,
            Err(CmdError::Qmp(error)) if error.is_fatal() => {
                self.after("type", Some(Next::Lost(error))).await
            }
            Err(error) => self.failed(&error.to_string()),
        }
    }

    /// Lines of a file that come behind one that was interrupted are not run.
    pub(super) fn leave_out(&mut self) {
        let left = self.now.sourced.len();
        self.now.sourced.clear();
        if left > 0 {
            let lines = match left {
                1 => "line of the file is",
                _ => "lines of the file are",
            };
            say(&format!("{left} more {lines} left out"));
        }
    }

    fn failed(&mut self, text: &str) -> After {
        say(text);
        self.worker.failed = true;
        After::Go
    }

    /// Why a line can't be watched, if it can't.
    fn unwatched(&self, line: &str) -> Option<String> {
        if let Some((page, _)) = pages::find(line, self.worker.monitor.rows()) {
            let name = page.name;
            return Some(format!(
                "'{name}' is the prompt's own, and can't be watched"
            ));
        }
        let decision = self.worker.monitor.explain(line);
        let error = decision.error.as_deref().map(str::trim_end);
        match error.filter(|error| !error.is_empty()) {
            Some(error) => Some(error.to_owned()),
            None if self.looks(line) => None,
            None => Some("that changes the VM: only a line that looks can be watched".into()),
        }
    }

    /// Runs a line again and again, until Ctrl-C.
    async fn watch(&mut self, pause: Duration, line: &str) -> After {
        let Some((left, tail)) = self.parted(line) else {
            return After::Go;
        };
        if let Some(text) = self.unwatched(left) {
            return self.failed(&text);
        }
        loop {
            if !self.plain {
                self.worker.screen.raw(CLEAR.as_bytes());
            }
            let header = format!("every {} s: {line}", pause.as_secs_f64());
            self.worker.screen.line(Tint::Dim, &header);
            self.worker.screen.end_answer(false);
            let (columns, rows) = size();
            // The header is above it, the cursor below.
            let head = Head::new(columns, rows.saturating_sub(2));
            let aside = match &tail {
                None if self.plain => Aside::Terminal,
                None => {
                    self.worker.screen.aside(Box::new(head.clone()), false);
                    Aside::Terminal
                }
                tail => match self.open(left, tail.clone()).await {
                    Ok(aside) => aside,
                    Err(text) => {
                        say(&text);
                        self.worker.failed = true;
                        return After::Go;
                    }
                },
            };
            let ran = tokio::select! {
                biased;
                _ = self.interrupts.recv() => None,
                next = self.worker.again(left) => Some(next),
            };
            let closed = self.close(aside).await;
            self.worker.screen.harmless(&head.shown());
            self.worker.screen.fresh_line();
            self.worker.screen.end_answer(false);
            if !matches!(ran, Some(Next::Go)) || self.worker.screen.error().is_some() {
                return self.after(line, ran).await;
            }
            if closed == Closed::Interrupted {
                return After::Go;
            }
            tokio::select! {
                biased;
                _ = self.interrupts.recv() => {
                    self.leave_out();
                    return After::Go;
                }
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}

/// Columns and rows of the terminal.
fn size() -> (usize, usize) {
    match tcgetwinsize(rustix::stdio::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => (80, 24),
    }
}
