// SPDX-License-Identifier: GPL-2.0-or-later
//! What the engine needs of a monitor socket: secrets, descriptors and the history are its clients'.

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hmp_engine::host::{Fate, Host, MemoryFile, PrivateFile, Sockets};
use hmp_engine::qmp::BoxFuture;
use tokio::sync::oneshot;

use crate::host::Unattended;
use crate::listen::outlet::Outlet;
use crate::listen::state::State;
use crate::listen::text;

/// The program around one seat's monitor.
pub(super) struct SeatHost {
    state: Arc<State>,
    outlet: Outlet,
    asked: Mutex<Asked>,
}

#[derive(Default)]
struct Asked {
    /// The secret that a line waits for.
    question: Option<Question>,
    /// The last descriptor that came.
    descriptor: Option<OwnedFd>,
}

/// A secret that a line asks for.
pub(super) struct Question {
    pub(super) prompt: String,
    pub(super) answer: oneshot::Sender<String>,
}

impl SeatHost {
    pub(super) fn new(state: Arc<State>, outlet: Outlet) -> Self {
        Self {
            state,
            outlet,
            asked: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the running line asks for.
    pub(super) fn question(&self) -> Option<Question> {
        self.lock().question.take()
    }

    /// A descriptor came; it takes the place of one that nobody took.
    pub(super) fn receive(&self, descriptor: OwnedFd) {
        self.lock().descriptor = Some(descriptor);
    }
}

impl Host for SeatHost {
    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        Unattended.sleep(duration)
    }

    fn secret<'a>(&'a self, prompt: &'a str) -> BoxFuture<'a, Option<String>> {
        let (answer, given) = oneshot::channel();
        let prompt = prompt.to_owned();
        self.lock().question = Some(Question { prompt, answer });
        self.outlet.wake();
        Box::pin(async { given.await.ok() })
    }

    fn local_time(&self, seconds: Option<i64>) -> (i64, i32) {
        Unattended.local_time(seconds)
    }

    fn descriptor(&self, name: &str) -> Option<OwnedFd> {
        let came = self.lock().descriptor.take();
        came.or_else(|| self.state.named(name))
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

    // The client's bytes are the built-in monitor's alone.
    fn say(&self, text: &str) {
        let _ = writeln!(io::stderr(), "hmp: {text}");
    }

    fn owner(&self) -> Option<String> {
        Unattended.owner()
    }

    fn fate(&self, owner: &str) -> Fate {
        Unattended.fate(owner)
    }

    fn history(&self) -> Option<Vec<String>> {
        let lines = self.state.history();
        Some(lines.iter().map(|line| text::decode(line)).collect())
    }
}
