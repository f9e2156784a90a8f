// SPDX-License-Identifier: GPL-2.0-or-later
//! The user of our side in a live run.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hmp::host::Unattended;
use hmp_engine::host::{Host, MemoryFile, Sockets};
use hmp_engine::qmp::BoxFuture;

/// Lines that the built-in's line editor remembers (QEMU's readline.h).
const REMEMBERED: usize = 64;

/// [`Unattended`] with a user who typed lines and answers what the step says.
#[derive(Debug, Default)]
pub struct User {
    answer: Mutex<Option<String>>,
    /// A line typed again moves to the end, as in the built-in's line editor.
    typed: Mutex<Vec<String>>,
}

impl User {
    /// Answers the next question for a secret with this.
    pub fn will_answer(&self, answer: Option<&str>) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer.map(str::to_owned);
    }

    /// Has typed this line.
    pub fn types(&self, line: &str) {
        let mut typed = self.typed.lock().unwrap_or_else(PoisonError::into_inner);
        typed.retain(|earlier| earlier != line);
        if !line.is_empty() {
            typed.push(line.to_owned());
        }
        if typed.len() > REMEMBERED {
            typed.remove(0);
        }
    }
}

impl Host for User {
    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        Unattended.sleep(duration)
    }

    fn secret<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Option<String>> {
        let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = answer.take();
        Box::pin(async { answer })
    }

    fn local_time(&self, seconds: Option<i64>) -> (i64, i32) {
        Unattended.local_time(seconds)
    }

    fn history(&self) -> Option<Vec<String>> {
        let typed = self.typed.lock().unwrap_or_else(PoisonError::into_inner);
        Some(typed.clone())
    }

    fn memory_file(&self) -> Option<Box<dyn MemoryFile>> {
        Unattended.memory_file()
    }

    fn sockets(&self) -> Option<&dyn Sockets> {
        Unattended.sockets()
    }
}
