// SPDX-License-Identifier: GPL-2.0-or-later
//! At the prompt: what is typed, TAB, events, the connection's end.

use std::fmt::Write;

use tokio::time::sleep;

use crate::repl::candidates::files_as_items;
use crate::repl::events::{news, progress};
use crate::repl::exit::Exit;
use crate::repl::own::pages;
use crate::repl::prompt::state::{After, Prompt, Vm};
use crate::repl::question::{Found, Said};
use crate::repl::screen::say;
use crate::terminal::escape::on_one_line;
use crate::terminal::style::Tint;

/// What a user at the prompt does next.
enum Typed {
    Line(String),
    Interrupted,
    Leave(Exit),
}

impl Prompt<'_> {
    /// Shows the banner, then runs what is typed.
    pub(in crate::repl) async fn run(&mut self) -> Exit {
        let version = self.worker.monitor.caps().version;
        let _ = writeln!(
            self.worker.screen,
            "QEMU {version} monitor - type 'help' for more information"
        );
        let vm = Vm::ask(&self.worker.client).await;
        let banner = self.banner(&vm);
        self.worker.screen.line(Tint::Dim, &banner);
        (self.now.name, self.now.status) = (vm.name, vm.status);
        self.learn();
        loop {
            self.tell_what_came().await;
            self.worker.screen.end_answer(false);
            if self.worker.screen.error().is_some() {
                return self.worker.unheard();
            }
            let line = match self.now.sourced.pop_front() {
                Some(line) => {
                    let text = self.text().await;
                    let shown = format!("{text}(qemu) {line}");
                    self.worker.screen.line(Tint::Plain, &shown);
                    line
                }
                None => match self.typed().await {
                    Typed::Line(line) => {
                        self.now.sources = 0;
                        line
                    }
                    Typed::Interrupted => continue,
                    Typed::Leave(exit) => return exit,
                },
            };
            if let After::Leave(exit) = self.line(&line).await {
                return exit;
            }
        }
    }

    /// Shows the events that came while a line ran, in front of the next prompt.
    async fn tell_what_came(&mut self) {
        while let Some(event) = self.worker.event_at_hand() {
            let status = news::status(&self.worker.client, &event).await;
            if let Some(line) = self.now.news.take(&event, status.as_deref()) {
                self.worker.screen.line(Tint::Dim, &line);
            }
        }
        if let Some(line) = self.now.news.dropped(self.worker.events.dropped()) {
            self.worker.screen.line(Tint::Dim, &line);
        }
    }

    /// Shows a line above the one that is typed.
    pub(super) fn above(&self, text: &str) {
        let line = format!("{}\n", on_one_line(text));
        self.editor
            .above(self.style.paint(Tint::Dim, &line).into_owned());
    }

    /// Waits at the prompt. TAB is answered meanwhile, events are shown, and the connection is
    /// watched.
    async fn typed(&mut self) -> Typed {
        let text = self.text().await;
        self.editor.prompt(&text);
        loop {
            let telling = self.now.telling.is_some();
            let tells = self.now.tenths.is_some() && !self.now.gone;
            if tells && self.now.asking.is_none() {
                let client = self.worker.client.clone();
                self.now.asking = Some(Box::pin(async move {
                    sleep(progress::PAUSE).await;
                    progress::ask(client).await
                }));
            }
            let said = tokio::select! {
                biased;
                said = self.editor.said() => said,
                told = async { Some(self.now.telling.as_mut()?.await) }, if telling => {
                    self.now.telling = None;
                    let line = told.and_then(|(event, status)| {
                        self.now.news.take(&event, status.as_deref())
                    });
                    if let Some(line) = line {
                        self.above(&line);
                    }
                    continue;
                }
                event = self.worker.event(), if !self.now.gone && !telling => {
                    let Some(event) = event else {
                        let end = self.worker.ended();
                        if let Some(exit) = self.went(end).await {
                            return Typed::Leave(exit);
                        }
                        continue;
                    };
                    let client = self.worker.client.clone();
                    self.now.telling = Some(Box::pin(async move {
                        let status = news::status(&client, &event).await;
                        (event, status)
                    }));
                    if let Some(line) = self.now.news.dropped(self.worker.events.dropped()) {
                        self.above(&line);
                    }
                    continue;
                }
                extents = async { Some(self.now.asking.as_mut()?.await) }, if tells => {
                    self.now.asking = None;
                    let tenths = self.now.tenths.as_mut();
                    for line in tenths.zip(extents).map(|(t, e)| t.take(e)).unwrap_or_default() {
                        self.above(&line);
                    }
                    continue;
                }
                back = self.home.back(), if self.now.gone => {
                    self.took(back).await;
                    let text = self.greeting();
                    self.editor.above(format!("hmp: {text}\n"));
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

    async fn candidates(&mut self, line: &str, pos: usize) -> Found {
        if self.now.gone {
            return Found::nothing(pos);
        }
        let text = line.get(..pos).unwrap_or(line);
        match self.now.tab.find(&self.worker.monitor, text).await {
            None => Found {
                late: true,
                ..Found::nothing(pos)
            },
            Some(found) => {
                let (start, place) = (found.start, self.worker.place());
                let mut items = found.items;
                if text.trim().is_empty() || pages::begins(text) {
                    items.extend(pages::items(text));
                    items.sort();
                }
                if found.files {
                    let typed = line.get(start..pos).unwrap_or_default();
                    items.extend(files_as_items(&place, typed));
                }
                Found {
                    start,
                    items,
                    late: false,
                }
            }
        }
    }
}
