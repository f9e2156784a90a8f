// SPDX-License-Identifier: GPL-2.0-or-later
//! What a prompt has.

use std::collections::VecDeque;
use std::time::Duration;

use hmp_engine::qmp::{BoxFuture, Qmp};
use serde_json::{Value, json};
use tokio::signal::unix::Signal;
use tokio::time::timeout;

use crate::client::{Client, Event};
use crate::discover::of_process;
use crate::host::users;
use crate::repl::blocking::blocking;
use crate::repl::editor::Editor;
use crate::repl::events::left::Left;
use crate::repl::events::news::{News, run_state};
use crate::repl::events::progress::{Extent, Tenths};
use crate::repl::exit::Exit;
use crate::repl::home::Home;
use crate::repl::prompt::tab::Tab;
use crate::repl::settings::{Look, Settings};
use crate::repl::worker::Worker;
use crate::terminal::escape::on_one_line;
use crate::terminal::style::Style;

/// How long QEMU may take to say what VM it is.
const PATIENCE: Duration = Duration::from_secs(1);

/// The same where each question is a program that is started.
const CARRIED: Duration = Duration::from_secs(10);

/// How long it may take to say in which state the VM is, before each prompt that shows it.
pub(super) const GLANCE: Duration = Duration::from_millis(40);

/// A prompt with its VM, which may be gone.
pub(in crate::repl) struct Prompt<'p> {
    pub(in crate::repl) worker: &'p mut Worker,
    pub(in crate::repl) editor: &'p mut Editor,
    pub(in crate::repl) interrupts: &'p mut Signal,
    pub(in crate::repl) home: &'p Home,
    pub(in crate::repl) settings: Settings,
    pub(in crate::repl) style: Style,
    /// Whether no escape sequence is written.
    pub(in crate::repl) plain: bool,
    pub(in crate::repl) now: Now,
}

/// What changes while the prompt is there.
#[derive(Default)]
pub(in crate::repl) struct Now {
    /// Whether the VM is gone.
    pub(in crate::repl) gone: bool,
    pub(in crate::repl) news: News,
    /// The event whose line is being made.
    pub(in crate::repl) telling: Option<BoxFuture<'static, (Event, Option<String>)>>,
    /// How far jobs are, where that is told, and the question for it that is under way.
    pub(in crate::repl) tenths: Option<Tenths>,
    pub(in crate::repl) asking: Option<BoxFuture<'static, Vec<Extent>>>,
    /// The end of a migration in the background, which is waited for.
    pub(in crate::repl) ending: Option<BoxFuture<'static, Option<Event>>>,
    /// Jobs that were left to go on.
    pub(in crate::repl) left: Left,
    /// Lines of files that come before what is typed.
    pub(in crate::repl) sourced: VecDeque<String>,
    /// Files that the last typed line brought in.
    pub(in crate::repl) sources: usize,
    pub(in crate::repl) tab: Tab,
    /// The VM's name, and its state as it was known last.
    pub(in crate::repl) name: Option<String>,
    pub(in crate::repl) status: Option<String>,
    /// Whether the line that runs says where its answer goes.
    pub(in crate::repl) aside: bool,
    /// What stands in front of the line that is typed.
    pub(in crate::repl) front: String,
}

/// What a line leaves to do.
pub(in crate::repl) enum After {
    /// The next line.
    Go,
    /// To leave.
    Leave(Exit),
}

/// What VM a connection leads to, as far as QEMU says in time.
pub(in crate::repl) struct Vm {
    pub(in crate::repl) name: Option<String>,
    pub(in crate::repl) machine: Option<String>,
    pub(in crate::repl) status: Option<String>,
    /// Whose it is, where it is not only this user's.
    pub(in crate::repl) marks: Vec<String>,
}

impl Vm {
    /// `carried`: by another program, which takes its time.
    pub(in crate::repl) async fn ask(client: &Client, carried: bool) -> Self {
        let patience = if carried { CARRIED } else { PATIENCE };
        let machine = json!({"path": "/machine", "property": "type"});
        let pid = client.peer().and_then(|peer| u32::try_from(peer.pid).ok());
        let marks = blocking(move || pid.map(marks).unwrap_or_default());
        let (name, machine, status, marks) = tokio::join!(
            text(client, patience, ("query-name", Value::Null, "/name")),
            text(client, patience, ("qom-get", machine, "")),
            run_state(client, patience),
            marks,
        );
        let short = |machine: String| match machine.strip_suffix("-machine") {
            Some(short) => short.to_owned(),
            None => machine,
        };
        Self {
            name: name.filter(|name| !name.is_empty()),
            machine: machine.map(short),
            status,
            marks: marks.unwrap_or_default(),
        }
    }
}

/// Whose the QEMU of this process is: another user's, a manager's.
fn marks(pid: u32) -> Vec<String> {
    let Some(vm) = of_process(pid) else {
        return Vec::new();
    };
    let user = (!vm.ours).then(|| format!("of user {}", users::shown(vm.owner)));
    let manager = vm.sockets.iter().find_map(|socket| socket.manager);
    let manager = manager.map(|manager| format!("managed by {manager}"));
    user.into_iter().chain(manager).collect()
}

/// A text of a reply; none where QEMU does not answer in time, or otherwise.
async fn text(
    client: &Client,
    patience: Duration,
    (command, arguments, at): (&str, Value, &str),
) -> Option<String> {
    let reply = timeout(patience, client.execute(command, arguments)).await;
    Some(reply.ok()?.ok()?.pointer(at)?.as_str()?.to_owned())
}

/// What stands in front of `(qemu) `, whatever name a VM was given.
fn front(name: Option<&str>, state: Option<&str>) -> String {
    let parts: Vec<_> = [name, state].into_iter().flatten().collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!("{} ", on_one_line(&parts.join(" "))),
    }
}

impl Prompt<'_> {
    /// The VM, and how one leaves.
    pub(in crate::repl) fn banner(&self, vm: &Vm) -> String {
        format!("{}; Ctrl-D leaves, quit ends the VM", self.described(vm))
    }

    /// The VM as a part of a sentence.
    pub(in crate::repl) fn described(&self, vm: &Vm) -> String {
        let name = vm.name.as_deref().unwrap_or("a VM without a name");
        let process = self
            .worker
            .client
            .peer()
            .map(|peer| format!("process {}", peer.pid));
        let facts = [process, vm.machine.clone(), vm.status.clone()];
        let facts = facts.into_iter().flatten().chain(vm.marks.iter().cloned());
        let facts: Vec<_> = facts.collect();
        let facts = match facts.is_empty() {
            true => String::new(),
            false => format!(" ({})", facts.join(", ")),
        };
        format!("{name}{facts}")
    }

    /// What stands in front of the line that is typed next.
    pub(in crate::repl) async fn text(&mut self) -> String {
        if self.settings.prompt == Look::Plain {
            return String::new();
        }
        let state = if self.now.gone {
            Some("gone")
        } else {
            let patience = if self.home.carried { PATIENCE } else { GLANCE };
            let status = run_state(&self.worker.client, patience).await;
            self.now.status = status.or(self.now.status.take());
            self.now.status.as_deref()
        };
        let text = front(self.now.name.as_deref(), state);
        self.now.front.clone_from(&text);
        text
    }

    /// Says that the VM is gone in front of the line that is typed, where its state is shown there.
    pub(super) fn shows_the_end(&self) {
        let Some(status) = self.now.status.as_deref() else {
            return;
        };
        let name = self.now.name.as_deref();
        // What is typed stays in its place.
        let gone = format!("{:width$}", "gone", width = status.chars().count());
        let text = front(name, Some(&gone));
        let shown = &self.now.front;
        if *shown == front(name, Some(status)) && shown.chars().count() == text.chars().count() {
            self.editor.prompt_becomes(&text);
        }
    }
}
