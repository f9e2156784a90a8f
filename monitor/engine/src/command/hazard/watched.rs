// SPDX-License-Identifier: GPL-2.0-or-later
//! Whether the questions about a danger were answered.

use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::qmp::{BoxFuture, Qmp, QmpError, QmpResult};

/// A connection that remembers the first request whose answer was lost.
pub(super) struct Watched<'a> {
    qmp: &'a dyn Qmp,
    lost: Mutex<Option<QmpError>>,
}

impl<'a> Watched<'a> {
    pub(super) fn new(qmp: &'a dyn Qmp) -> Self {
        Self {
            qmp,
            lost: Mutex::default(),
        }
    }

    /// Why nobody knows what QEMU would have answered, if so.
    pub(super) fn lost(self) -> Option<QmpError> {
        let lost = self.lost.into_inner();
        lost.unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self, result: QmpResult) -> QmpResult {
        if let Some(error) = result.as_ref().err().filter(|error| error.is_fatal()) {
            let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
            lost.get_or_insert_with(|| error.clone());
        }
        result
    }
}

impl Qmp for Watched<'_> {
    fn execute<'a>(&'a self, command: &'a str, arguments: Value) -> BoxFuture<'a, QmpResult> {
        Box::pin(async move { self.look(self.qmp.execute(command, arguments).await) })
    }

    fn behind(&self) -> Option<&dyn Qmp> {
        Some(self.qmp)
    }
}
