// SPDX-License-Identifier: GPL-2.0-or-later
//! What belongs to a socket and not to its clients: it outlives their connections.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hmp_engine::command::session::Kept;

use crate::listen::telnet::Telnet;
use crate::readline::{History, Position};

/// Descriptors that the user gave to the program, by name.
pub(super) type Named = Arc<dyn Fn(&str) -> Option<OwnedFd> + Send + Sync>;

/// Formats of `x` and `print`: the built-in has one for all its monitors.
pub(super) type Format = Arc<Mutex<Kept>>;

/// The state of a monitor socket, or of one client where each has its own.
pub(super) struct State {
    inner: Mutex<Inner>,
    /// Of this one, the format.
    format: Format,
    named: Named,
}

#[derive(Default)]
struct Inner {
    history: History,
    position: Position,
    telnet: Telnet,
    kept: Kept,
}

impl State {
    pub(super) fn new(format: Format, named: Named) -> Self {
        Self {
            inner: Mutex::default(),
            format,
            named,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works with the history.
    pub(super) fn with_history<T>(&self, work: impl FnOnce(&mut History) -> T) -> T {
        work(&mut self.lock().history)
    }

    pub(super) fn history(&self) -> Vec<Vec<u8>> {
        self.lock().history.lines().to_vec()
    }

    /// The descriptor that the program was given under this name.
    pub(super) fn named(&self, name: &str) -> Option<OwnedFd> {
        (self.named)(name)
    }

    /// Where in the history the client was that left last, and in what of telnet.
    pub(super) fn left(&self) -> (Position, Telnet) {
        let inner = self.lock();
        (inner.position, inner.telnet)
    }

    /// A client leaves.
    pub(super) fn leaves(&self, position: Position, telnet: Telnet) {
        let mut inner = self.lock();
        inner.position = position;
        inner.telnet = telnet;
    }

    /// What lines so far left for the next one.
    pub(super) fn kept(&self) -> Kept {
        let format = self.format.lock().unwrap_or_else(PoisonError::into_inner);
        Kept {
            format: format.format,
            ..self.lock().kept
        }
    }

    /// What a line changed: other clients' lines may have changed other things meanwhile.
    pub(super) fn keep(&self, before: Kept, after: Kept) {
        if after.format != before.format {
            let mut format = self.format.lock().unwrap_or_else(PoisonError::into_inner);
            format.format = after.format;
        }
        let kept = &mut self.lock().kept;
        if after.cpu != before.cpu {
            kept.cpu = after.cpu;
        }
        if after.mouse_buttons != before.mouse_buttons {
            kept.mouse_buttons = after.mouse_buttons;
        }
    }
}
