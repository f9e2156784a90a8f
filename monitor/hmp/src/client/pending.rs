// SPDX-License-Identifier: GPL-2.0-or-later
//! What is in flight on a connection, and how the connection ended.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hmp_engine::qmp::{QmpError, QmpResult};
use serde_json::Value;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, mpsc, oneshot};

use crate::client::wire::Request;

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum End {
    /// The other end closed it, or it broke.
    #[error("connection to QEMU lost")]
    Lost,
    /// The other end sent what is not QMP, and in what way.
    #[error("not QMP: {0}")]
    Garbage(String),
}

impl End {
    /// What it means for a command that was in flight, or that comes later.
    pub(super) fn error(&self, command: &str) -> QmpError {
        match self {
            Self::Lost => QmpError::Disconnected {
                command: command.to_owned(),
            },
            Self::Garbage(reason) => QmpError::Protocol {
                command: command.to_owned(),
                reason: reason.clone(),
            },
        }
    }
}

/// A request without its reply.
pub(super) struct Waiting {
    pub(super) command: String,
    pub(super) reply: oneshot::Sender<QmpResult>,
    /// Its place among the requests in flight, its turn among those with a descriptor, and what
    /// keeps the writer from going on behind one. They stay taken when the caller gave up: QEMU
    /// still works on it.
    pub(super) _held: (
        OwnedSemaphorePermit,
        Option<OwnedMutexGuard<()>>,
        oneshot::Sender<()>,
    ),
}

pub(super) struct Pending(Mutex<State>);

struct State {
    next: u64,
    waiting: HashMap<u64, Waiting>,
    requests: Option<mpsc::UnboundedSender<(u64, Request)>>,
    end: Option<End>,
    strays: u64,
    replies: u64,
}

impl Pending {
    pub(super) fn new(first: u64, requests: mpsc::UnboundedSender<(u64, Request)>) -> Self {
        Self(Mutex::new(State {
            next: first,
            waiting: HashMap::new(),
            requests: Some(requests),
            end: None,
            strays: 0,
            replies: 0,
        }))
    }

    /// Hands a request to the writer; `text` gets the id.
    pub(super) fn send(
        &self,
        waiting: Waiting,
        text: impl FnOnce(u64) -> Request,
    ) -> Result<(), QmpError> {
        let mut state = self.lock();
        if let Some(end) = &state.end {
            return Err(end.error(&waiting.command));
        }
        let id = state.next;
        state.next += 1;
        let queued = match &state.requests {
            Some(requests) => requests.send((id, text(id))).is_ok(),
            None => false,
        };
        if !queued {
            return Err(End::Lost.error(&waiting.command));
        }
        state.waiting.insert(id, waiting);
        Ok(())
    }

    /// Delivers a reply to whoever waits for it.
    pub(super) fn reply(&self, id: Option<&Value>, reply: QmpResult) {
        let mut state = self.lock();
        state.replies += 1;
        let waiting = id
            .and_then(Value::as_u64)
            .and_then(|id| state.waiting.remove(&id));
        let taken = waiting.is_some_and(|waiting| waiting.reply.send(reply).is_ok());
        if !taken {
            state.strays += 1;
        }
    }

    /// A request could not be written: nothing more will be.
    pub(super) fn unsent(&self, id: u64) {
        let mut state = self.lock();
        state.requests = None;
        if let Some(waiting) = state.waiting.remove(&id) {
            let error = End::Lost.error(&waiting.command);
            let _ = waiting.reply.send(Err(error));
        }
    }

    /// Ends the connection: everybody who waits gets to know. The first end counts.
    pub(super) fn close(&self, end: End) {
        let mut state = self.lock();
        state.requests = None;
        let end = state.end.get_or_insert(end).clone();
        for (_, waiting) in state.waiting.drain() {
            let error = end.error(&waiting.command);
            let _ = waiting.reply.send(Err(error));
        }
    }

    pub(super) fn end(&self) -> Option<End> {
        self.lock().end.clone()
    }

    /// Whether a request is without its reply whose caller gave up.
    pub(super) fn is_behind(&self) -> bool {
        let state = self.lock();
        let mut waiting = state.waiting.values();
        waiting.any(|waiting| waiting.reply.is_closed())
    }

    /// Replies that nobody waited for.
    pub(super) fn strays(&self) -> u64 {
        self.lock().strays
    }

    /// Replies so far, to see whether the other end is alive.
    pub(super) fn replies(&self) -> u64 {
        self.lock().replies
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
