// SPDX-License-Identifier: GPL-2.0-or-later
//! At the prompt: what is typed, TAB, events, the connection's end.

use std::fmt::Write;

use hmp_engine::engine::complete::more::{Item, Offers};
use hmp_engine::qmp::quote::quote;
use tokio::time::sleep;

use crate::client::Event;
use crate::discover::discover;
use crate::host::files::Place;
use crate::repl::blocking::blocking;
use crate::repl::candidates::files_as_items;
use crate::repl::events::{migration, news, progress};
use crate::repl::exit::Exit;
use crate::repl::own::pages;
use crate::repl::prompt::inside::{Inside, events, inside, vms, words};
use crate::repl::prompt::line::spelled_out;
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
        let vm = Vm::ask(&self.worker.client, self.home.carried).await;
        let banner = self.banner(&vm);
        self.worker.screen.line(Tint::Dim, &banner);
        (self.now.name, self.now.status) = (vm.name, vm.status);
        self.settings.aliases.retain(|alias, _| {
            let word = !alias.is_empty() && !alias.contains(|c: char| c.is_ascii_whitespace());
            if !word {
                say(&format!(
                    "the alias '{alias}' is not used: its name is not one word"
                ));
            }
            word
        });
        self.learn();
        let rows = self.worker.monitor.rows();
        for alias in self.settings.aliases.keys() {
            let whose = match (pages::has(rows, alias), pages::find(alias, rows)) {
                (true, _) => "QEMU",
                (false, Some(_)) => "the prompt",
                (false, None) => continue,
            };
            say(&format!(
                "the alias '{alias}' is not used: {whose} has a command of that name"
            ));
        }
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
                None => match self.typed_and_told().await {
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

    /// Says what stays in QEMU, as the prompt is left.
    fn says_what_is_left(&self) {
        if self.worker.client.end().is_none() {
            for id in self.now.left.ids() {
                let id = quote(id);
                say(&format!(
                    "the job {id} goes on; when it has ended, 'hmp --end-jobs' clears it away"
                ));
            }
        }
    }

    /// Shows the events that came while a line ran, in front of the next prompt.
    pub(super) async fn tell_what_came(&mut self) {
        // The one that a prompt was about to show is the oldest.
        if let Some(telling) = self.now.telling.take() {
            let (event, status) = telling.await;
            if let Some(line) = self.now.news.take(&event, status.as_deref()) {
                self.worker.screen.line(Tint::Dim, &line);
            }
        }
        loop {
            let event = self.worker.event_at_hand();
            // Those that were lost are older than those at hand.
            if let Some(line) = self.now.news.dropped(self.worker.events.dropped()) {
                self.worker.screen.line(Tint::Dim, &line);
            }
            let Some(event) = event else {
                return;
            };
            self.heard(&event);
            let status = news::status(&self.worker.client, &event).await;
            if let Some(line) = self.now.news.take(&event, status.as_deref()) {
                self.worker.screen.line(Tint::Dim, &line);
            }
        }
    }

    /// What an event makes needless to ask for.
    fn heard(&mut self, event: &Event) {
        if migration::says_so(event) {
            self.now.ending = None;
        }
    }

    /// Waits for the end of a migration that goes on in the background.
    pub(super) fn awaits_migration(&mut self) {
        let client = self.worker.client.clone();
        self.now.ending = Some(Box::pin(migration::ended(client)));
    }

    /// Shows a line above the one that is typed.
    pub(super) fn above(&self, text: &str) {
        let line = format!("{}\n", on_one_line(text));
        self.editor
            .above(self.style.paint(Tint::Dim, &line).into_owned());
    }

    /// Waits at the prompt. What came too late to be shown above the line is shown below it.
    async fn typed_and_told(&mut self) -> Typed {
        let typed = self.typed().await;
        if let Some(text) = self.editor.not_shown() {
            self.worker.screen.harmless(text.as_bytes());
        }
        typed
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
            let ends = self.now.ending.is_some() && !self.now.gone;
            let left = !self.now.left.is_empty() && !self.now.gone;
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
                    self.heard(&event);
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
                        self.above(&news::stamped(&line));
                    }
                    continue;
                }
                ended = async { Some(self.now.ending.as_mut()?.await) }, if ends => {
                    self.now.ending = None;
                    let event = ended.flatten();
                    let line = event.and_then(|event| self.now.news.take(&event, None));
                    if let Some(line) = line {
                        self.above(&line);
                    }
                    continue;
                }
                text = self.now.left.next(), if left => {
                    if let Some(text) = text.flatten() {
                        self.above(&news::stamped(&text));
                    }
                    continue;
                }
                back = self.home.back(), if self.now.gone => {
                    let text = self.took(back).await;
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
                Said::End => {
                    self.says_what_is_left();
                    return Typed::Leave(self.worker.exit());
                }
                Said::Failed(text) => {
                    say(&format!("can't read the terminal: {text}"));
                    return Typed::Leave(Exit::Failed);
                }
            }
        }
    }

    async fn candidates(&mut self, line: &str, pos: usize) -> Found {
        let text = line.get(..pos).unwrap_or(line);
        let place = inside(text, self.worker.monitor.rows(), |text| self.is_line(text));
        let (Some((start, found)), local) = (self.offers(text, place).await, self.own_items(text))
        else {
            return Found {
                late: true,
                ..Found::nothing(pos)
            };
        };
        let start = start + found.start;
        let typed = line.get(start..pos).unwrap_or_default();
        let mut items = found.items;
        items.extend(local);
        let here = Place::ours(std::env::var("HOME").ok());
        match place {
            Inside::File(..) => items.extend(files_as_items(&here, typed)),
            Inside::Vm(_) if typed.contains('/') => items.extend(files_as_items(&here, typed)),
            _ if found.files => items.extend(files_as_items(&self.worker.place(), typed)),
            _ => {}
        }
        items.sort();
        items.dedup_by(|a, b| a.text == b.text);
        Found {
            start,
            items,
            late: false,
            verbatim: found.verbatim || matches!(place, Inside::File(_, false)),
        }
    }

    /// What is looked for at this place, and the byte that it counts from; none where that is not
    /// known yet.
    async fn offers(&mut self, text: &str, place: Inside) -> Option<(usize, Offers)> {
        let completer = self.worker.monitor.completer();
        let tab = &mut self.now.tab;
        let gone = self.now.gone;
        let (start, found) = match place {
            Inside::Line(_) | Inside::Qmp(_) if gone => {
                return Some((text.len(), Offers::default()));
            }
            Inside::Line(start) => {
                let typed = &text[start..];
                let line = spelled_out(typed, &self.settings.aliases, self.worker.monitor.rows());
                // What an alias stands for is longer than the alias, or shorter.
                let (spelled, meant) = (line.len(), typed.len());
                let found = tab
                    .find(text, async move { completer.offers(&line).await })
                    .await?;
                if found.start + meant < spelled {
                    return Some((text.len(), Offers::default()));
                }
                let start = start + found.start + meant - spelled;
                (start, Offers { start: 0, ..found })
            }
            Inside::Qmp(start) => {
                let typed = text[start..].to_owned();
                let look = async move { completer.qmp(&typed).await };
                (start, tab.find(text, look).await?)
            }
            Inside::Events(start) => {
                let typed = text[start..].to_owned();
                let look = async move {
                    let names = if gone {
                        Vec::new()
                    } else {
                        completer.events().await
                    };
                    events(&typed, names)
                };
                (start, tab.find(text, look).await?)
            }
            Inside::Vm(start) => {
                let typed = text[start..].to_owned();
                let look = async move {
                    let found = blocking(discover).await;
                    vms(&typed, &found.unwrap_or_default())
                };
                (start, tab.find(text, look).await?)
            }
            Inside::Words(start, known) => (start, words(&text[start..], known)),
            Inside::File(start, _) => (start, Offers::default()),
            Inside::Nothing => (text.len(), Offers::default()),
        };
        Some((start, found))
    }

    /// Names of the prompt's own commands and of aliases, where the line, or what help is asked
    /// about, may become one.
    fn own_items(&self, text: &str) -> Vec<Item> {
        let text = text.trim_start();
        let name = match text.split_once(' ') {
            Some(("help" | "?", name)) => name.trim_start(),
            _ => text,
        };
        let mut items: Vec<Item> = pages::items(name).collect();
        let rows = self.worker.monitor.rows();
        let aliases = self
            .settings
            .aliases
            .iter()
            .filter(|(alias, _)| alias.starts_with(name) && !pages::has(rows, alias));
        items.extend(aliases.map(|(alias, meant)| Item {
            text: alias.clone(),
            about: meant.clone(),
            open: false,
        }));
        items
    }
}
