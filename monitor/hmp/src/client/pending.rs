// SPDX-License-Identifier: GPL-2.0-or-later
//! What is in flight on a connection, and how the connection ended.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hmp_engine::qmp::quote::quote;
use hmp_engine::qmp::{QmpError, QmpResult};
use serde_json::Value;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, mpsc, oneshot};

use crate::client::wire::{Passed, Request};

/// Bytes of a request that QEMU surely takes for JSON: it refuses what has more than 64 MiB, two
/// million tokens or 1024 levels, without the id (qobject/json-streamer.c).
const SURE: usize = 1000;

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
    /// The next id of those that are never used twice.
    next: u64,
    /// The digit that was used last.
    digit: u64,
    waiting: HashMap<u64, Waiting>,
    /// The length of the last reply to a request without an id.
    last: usize,
    /// Whether every request gets an id of its own: a reply came that nobody waited for, or may
    /// come.
    wary: bool,
    requests: Option<mpsc::UnboundedSender<(u64, Request)>>,
    end: Option<End>,
    strays: u64,
    replies: u64,
    sent: u64,
}

/// Where the request waits that went out without an id.
const NONE: u64 = 0;

impl State {
    /// The id of the next request, [`NONE`] where it needs none.
    ///
    /// QEMU reads each byte by itself and takes some microseconds for it, so that an id of six
    /// digits is a third of a short request's time. A request needs one where others are in flight,
    /// and then a digit does that none of them has: QEMU answers each request once, and those of an
    /// earlier client before it starts the session.
    fn id(&mut self, length: usize) -> u64 {
        if !self.wary && self.waiting.is_empty() && length <= SURE {
            return NONE;
        }
        for _ in 0..if self.wary { 0 } else { 9 } {
            self.digit = self.digit % 9 + 1;
            if !self.waiting.contains_key(&self.digit) {
                return self.digit;
            }
        }
        self.next += 1;
        self.next - 1
    }
}

impl Pending {
    /// Where every request is to have an id of its own (`wary`), they are the numbers from `first`
    /// on.
    pub(super) fn new(
        first: u64,
        wary: bool,
        requests: mpsc::UnboundedSender<(u64, Request)>,
    ) -> Self {
        Self(Mutex::new(State {
            next: first,
            digit: 0,
            last: 0,
            waiting: HashMap::new(),
            wary,
            requests: Some(requests),
            end: None,
            strays: 0,
            replies: 0,
            sent: 0,
        }))
    }

    /// Hands a request to the writer. One that was given up is in flight until it is answered.
    pub(super) fn send(
        &self,
        waiting: Waiting,
        mut text: String,
        passed: Option<Passed>,
    ) -> Result<(), QmpError> {
        let mut state = self.lock();
        if let Some(end) = &state.end {
            return Err(end.error(&waiting.command));
        }
        let id = state.id(text.len());
        if id != NONE {
            add_id(&mut text, id);
        }
        let queued = match &state.requests {
            Some(requests) => requests.send((id, Request { text, passed })).is_ok(),
            None => false,
        };
        if !queued {
            return Err(End::Lost.error(&waiting.command));
        }
        state.waiting.insert(id, waiting);
        state.sent += 1;
        Ok(())
    }

    /// Delivers a reply to whoever waits for it. One without an id is an error, its text, where it
    /// may belong to a request that has one: QEMU leaves out the id of what it could not read. One
    /// that is as long, in bytes (`size`), as that which had none is sent twice.
    pub(super) fn reply(
        &self,
        id: Option<&Value>,
        reply: QmpResult,
        size: usize,
    ) -> Result<(), String> {
        let mut state = self.lock();
        state.replies += 1;
        let id = match id {
            Some(id) => id.as_u64().filter(|id| *id != NONE),
            None if state.waiting.contains_key(&NONE) => {
                state.last = size;
                Some(NONE)
            }
            None if !state.waiting.is_empty() && state.last != size => {
                return Err(match reply {
                    Err(error) => format!("a reply without id: {}", quote(&error.to_string())),
                    Ok(_) => "a reply without id".into(),
                });
            }
            None => None,
        };
        let waiting = id.and_then(|id| state.waiting.remove(&id));
        state.wary |= waiting.is_none();
        let taken = waiting.is_some_and(|waiting| waiting.reply.send(reply).is_ok());
        if !taken {
            state.strays += 1;
        }
        Ok(())
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

    /// Requests so far.
    pub(super) fn sent(&self) -> u64 {
        self.lock().sent
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

/// Adds an id to a request, which is a JSON object with members.
fn add_id(text: &mut String, id: u64) {
    text.pop();
    // Writing to a string does not fail.
    let _ = write!(text, ",\"id\":{id}}}");
}
