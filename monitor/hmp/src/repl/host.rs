// SPDX-License-Identifier: GPL-2.0-or-later
//! What the engine needs of the program around it, on tokio and a terminal.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hmp_engine::host::{Fate, Host, MemoryFile, PrivateFile, Sockets, Stage};
use hmp_engine::qmp::BoxFuture;

use crate::host::Unattended;
use crate::repl::asker::Asker;
use crate::repl::descriptors::Descriptors;
use crate::repl::history::Session;
use crate::repl::screen::say;
use crate::terminal::bar::Bar;

/// This program.
pub(super) struct Program {
    pub(super) descriptors: Descriptors,
    /// Asks the user, where there is one.
    pub(super) asker: Asker,
    /// The lines of this session.
    pub(super) history: Arc<Session>,
    /// How far the line is that runs.
    pub(super) stage: Arc<Mutex<Option<Stage>>>,
    /// Where that is shown.
    pub(super) bar: Bar,
}

impl Host for Program {
    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        Unattended.sleep(duration)
    }

    fn secret<'a>(&'a self, prompt: &'a str) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move {
            let _held = self.bar.hold();
            self.asker.secret(prompt).await
        })
    }

    fn stage(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = Some(stage);
    }

    fn local_time(&self, seconds: Option<i64>) -> (i64, i32) {
        Unattended.local_time(seconds)
    }

    fn descriptor(&self, name: &str) -> Option<OwnedFd> {
        self.descriptors.get(name)?.try_clone_to_owned().ok()
    }

    fn memory_file(&self) -> Option<Box<dyn MemoryFile>> {
        Unattended.memory_file()
    }

    fn private_file(&self) -> Option<Box<dyn PrivateFile>> {
        Unattended.private_file()
    }

    fn sockets(&self) -> Option<&dyn Sockets> {
        Unattended.sockets()
    }

    fn say(&self, text: &str) {
        say(text);
    }

    fn owner(&self) -> Option<String> {
        Unattended.owner()
    }

    fn fate(&self, owner: &str) -> Fate {
        Unattended.fate(owner)
    }

    fn history(&self) -> Option<Vec<String>> {
        Some(self.history.lines())
    }
}
