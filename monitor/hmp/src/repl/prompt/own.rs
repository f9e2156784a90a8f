// SPDX-License-Identifier: GPL-2.0-or-later
//! The prompt's own commands, carried out.

use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::time::Duration;

use hmp_engine::command::cx::CmdError;
use rustix::termios::tcgetwinsize;

use crate::discover::discover;
use crate::repl::aside::child::{self, shell};
use crate::repl::aside::head::Head;
use crate::repl::aside::tail::at_home;
use crate::repl::events::filter::Filter;
use crate::repl::events::progress::Tenths;
use crate::repl::list::list;
use crate::repl::own::pages::{self, Own};
use crate::repl::own::{apropos, explain, keys, qmp};
use crate::repl::prompt::line::{Aside, spelled_out};
use crate::repl::prompt::state::{After, Prompt};
use crate::repl::screen::say;
use crate::repl::worker::Next;
use crate::terminal::escape::CLEAR;
use crate::terminal::picture::pixmap::Pixmap;
use crate::terminal::picture::protocol::Protocol;
use crate::terminal::picture::text_mode;
use crate::terminal::style::Tint;

/// How often a watched line runs, unless something else is said.
const PAUSE: Duration = Duration::from_secs(2);

/// Bytes of a file of lines, and lines that may wait to be run.
const LONGEST: u64 = 16 << 20;
const WAITING: usize = 100_000;

impl Prompt<'_> {
    pub(super) async fn own(&mut self, own: Own, rest: &str) -> After {
        let done = match own {
            Own::Apropos if rest.is_empty() => Err("a word is missing".to_owned()),
            Own::Apropos => {
                let list = apropos::list(rest, self.worker.monitor.rows());
                let _ = self.worker.screen.write_str(&list);
                match list.is_empty() {
                    true => Err(format!("no command has to do with '{rest}'")),
                    false => Ok(()),
                }
            }
            Own::Events => {
                self.events(rest);
                Ok(())
            }
            Own::LastEvents => {
                for line in self.now.news.last() {
                    let _ = writeln!(self.worker.screen, "{line}");
                }
                Ok(())
            }
            Own::Explain if rest.is_empty() => Err("a line is missing".to_owned()),
            Own::Explain => {
                let line = spelled_out(rest, &self.settings.aliases, self.worker.monitor.rows());
                let text = explain::text(&self.worker.monitor.explain(&line));
                let _ = self.worker.screen.write_str(&text);
                Ok(())
            }
            Own::Screen => return self.screen(rest).await,
            Own::Type => return self.types(rest).await,
            Own::Shell => self.shell(rest).await,
            Own::Source => self.source(rest),
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
            Own::Vms => {
                let list = tokio::task::spawn_blocking(|| list(&discover())).await;
                let _ = self.worker.screen.write_str(&list.unwrap_or_default());
                Ok(())
            }
            Own::Connect => Ok(()),
        };
        if let Err(text) = done {
            say(&text);
            self.worker.failed = true;
        }
        After::Go
    }

    fn events(&mut self, rest: &str) {
        let words: Vec<&str> = rest.split_ascii_whitespace().collect();
        self.now.news.filter = match words[..] {
            [] => {
                let filter = self.now.news.filter.to_string();
                let progress = match self.now.tenths {
                    Some(_) => ", and progress",
                    None => "",
                };
                let _ = writeln!(self.worker.screen, "events: {filter}{progress}");
                return;
            }
            ["progress"] => {
                self.now.tenths = Some(Tenths::default());
                return;
            }
            ["progress", "off"] => {
                self.now.tenths = None;
                return;
            }
            ["on"] => Filter::default(),
            ["off"] => Filter::none(),
            ["all"] => Filter::of(&["*"]),
            _ => Filter::of(&words),
        };
    }

    async fn shell(&mut self, line: &str) -> Result<(), String> {
        let line = match line {
            "" => std::env::var("SHELL").unwrap_or_else(|_| "/bin/sh".into()),
            line => line.to_owned(),
        };
        self.worker.screen.end_answer(false);
        let status = child::run(shell(&line), &self.editor.lender()).await;
        let status = status.map_err(|error| format!("can't run it: {error}"))?;
        match status.success() {
            true => Ok(()),
            false => Err(format!("the command ended with {status}")),
        }
    }

    fn source(&mut self, name: &str) -> Result<(), String> {
        if name.is_empty() {
            return Err("a file is missing".into());
        }
        let failed = |error: std::io::Error| format!("can't read {name}: {error}");
        let mut bytes = Vec::new();
        let file = File::open(at_home(name)).map_err(failed)?;
        file.take(LONGEST + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
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
        self.worker.running = Some(format!("qmp {line}"));
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
            "-p" => match self.editor.asker().secret("Text: ").await {
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
                tail => match self.open(left, tail.clone()) {
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
            self.close(aside).await;
            self.worker.screen.harmless(&head.shown());
            self.worker.screen.fresh_line();
            self.worker.screen.end_answer(false);
            if !matches!(ran, Some(Next::Go)) || self.worker.screen.error().is_some() {
                return self.after(line, ran).await;
            }
            tokio::select! {
                biased;
                _ = self.interrupts.recv() => return After::Go,
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

/// The pause and the line that `watch` was given.
pub(super) fn watched(rest: &str) -> Result<(Duration, &str), String> {
    let Some(options) = rest.strip_prefix("-n") else {
        return match rest {
            "" => Err("a line is missing".into()),
            line => Ok((PAUSE, line)),
        };
    };
    let options = options.trim_start();
    let (seconds, line) = options
        .split_once(|c: char| c.is_ascii_whitespace())
        .ok_or("a line is missing")?;
    let pause = seconds
        .parse()
        .ok()
        .and_then(|s| Duration::try_from_secs_f64(s).ok());
    match pause {
        Some(pause) if pause >= Duration::from_millis(100) => Ok((pause, line.trim_start())),
        _ => Err(format!(
            "'{seconds}' is not a number of seconds, 0.1 or more"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watch_takes_a_pause() {
        assert_eq!(watched("info cpus"), Ok((PAUSE, "info cpus")));
        let half = Duration::from_millis(500);
        assert_eq!(watched("-n 0.5  info cpus"), Ok((half, "info cpus")));
        assert_eq!(watched("-n0.5 info cpus"), Ok((half, "info cpus")));
        for text in [
            "",
            "-n",
            "-n 2",
            "-n x info cpus",
            "-n 0 info cpus",
            "-n -1 x",
        ] {
            assert!(watched(text).is_err(), "{text}");
        }
    }
}
