// SPDX-License-Identifier: GPL-2.0-or-later
//! From one VM to another, and what is done when one is gone.

use std::fmt::Write;

use hmp_engine::engine::{Monitor, secret};

use crate::repl::connect::Link;
use crate::repl::events::left::Left;
use crate::repl::exit::Exit;
use crate::repl::prompt::state::{Prompt, Vm};
use crate::repl::screen::{say, say_lines};
use crate::repl::worker::{End, shown};

/// What is said to a line that needs a VM, where there is none.
pub(super) const NO_VM: &str =
    "there is no VM; 'connect' looks for it again, 'connect ADDRESS' for another, Ctrl-D leaves";

impl Prompt<'_> {
    /// The connection ended while nothing ran: says so above the line that is typed.
    pub(super) async fn went(&mut self, end: End) -> Option<Exit> {
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
        self.now.gone = true;
        self.shows_the_end();
        self.editor
            .above(crate::terminal::escape::for_terminal(&text).into_owned());
        None
    }

    /// `connect`, `connect ADDRESS`.
    pub(super) async fn connect(&mut self, address: Option<&str>) {
        if address.is_none() && !self.now.gone {
            say("connected already");
            return;
        }
        let connecting = self.home.connect(address);
        self.forget_interrupts().await;
        let connected = tokio::select! {
            biased;
            _ = self.interrupts.recv() => Err("cancelled".into()),
            connected = connecting => connected,
        };
        match connected {
            Ok(link) => {
                let greeting = self.took(link).await;
                say(&greeting);
            }
            Err(text) => {
                say_lines(&text);
                self.worker.failed = true;
            }
        }
    }

    /// Goes on with another connection; what is said of it.
    pub(super) async fn took(&mut self, (link, monitor): (Link, Monitor)) -> String {
        self.worker.renew(link.client, link.events, monitor);
        self.now.gone = false;
        self.now.news.renew();
        self.now.tab.forget();
        (self.now.telling, self.now.asking, self.now.ending) = (None, None, None);
        self.now.left = Left::default();
        let vm = Vm::ask(&self.worker.client, self.home.carried).await;
        let greeting = self.greeting(&vm);
        (self.now.name, self.now.status) = (vm.name, vm.status);
        self.learn();
        greeting
    }

    /// The commands that this VM and this prompt have.
    pub(super) fn learn(&self) {
        let monitor = &self.worker.monitor;
        let aliases = self.settings.aliases.keys().cloned();
        let vocabulary = self.editor.vocabulary();
        vocabulary.learn(monitor.rows(), monitor.caps().version, aliases);
    }

    fn greeting(&self, vm: &Vm) -> String {
        let version = self.worker.monitor.caps().version;
        format!("connected to QEMU {version}: {}", self.described(vm))
    }
}

/// What is said of lines that were typed ahead behind `before` and are not run. What may have been
/// the answer to a question for a secret is not shown.
pub(super) fn not_run(before: &str, lines: &[String]) -> Vec<String> {
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
