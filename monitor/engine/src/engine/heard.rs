// SPDX-License-Identifier: GPL-2.0-or-later
//! What QEMU replied while a line ran.

use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::qmp::fd::BorrowedFd;
use crate::qmp::{BoxFuture, Qmp, QmpResult};

/// A QMP command that a line executed, and what it returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The command.
    pub command: String,
    /// The `return` member of the reply.
    pub value: Value,
}

/// A connection that keeps the replies of some commands.
pub(super) struct Heard<'a> {
    qmp: &'a dyn Qmp,
    /// The commands.
    of: &'a [&'a str],
    kept: Mutex<Vec<Reply>>,
}

impl<'a> Heard<'a> {
    pub(super) fn new(qmp: &'a dyn Qmp, of: &'a [&'a str]) -> Self {
        Self {
            qmp,
            of,
            kept: Mutex::default(),
        }
    }

    /// The replies, in the order in which they came.
    pub(super) fn take(self) -> Vec<Reply> {
        let kept = self.kept.into_inner();
        kept.unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, command: &str, result: QmpResult) -> QmpResult {
        if let Some(value) = result.as_ref().ok().filter(|_| self.of.contains(&command)) {
            let reply = Reply {
                command: command.to_owned(),
                value: value.clone(),
            };
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push(reply);
        }
        result
    }
}

impl Qmp for Heard<'_> {
    fn execute<'a>(&'a self, command: &'a str, arguments: Value) -> BoxFuture<'a, QmpResult> {
        Box::pin(async move { self.keep(command, self.qmp.execute(command, arguments).await) })
    }

    fn execute_with_fd<'a>(
        &'a self,
        command: &'a str,
        arguments: Value,
        fd: BorrowedFd<'a>,
    ) -> BoxFuture<'a, QmpResult> {
        Box::pin(async move {
            let result = self.qmp.execute_with_fd(command, arguments, fd).await;
            self.keep(command, result)
        })
    }

    fn behind(&self) -> Option<&dyn Qmp> {
        Some(self.qmp)
    }
}
