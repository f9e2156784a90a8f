// SPDX-License-Identifier: GPL-2.0-or-later
//! What waits to go out to a client, in order.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::fault::Output;

/// Shared texts from this size on are sent as they are instead of being copied together with their
/// neighbours.
const SHARED_FROM: usize = 16 * 1024;
/// Copied text is handed out in pieces of about this size.
const PIECE: usize = 256 * 1024;

/// The queue of one client's output. QEMU never stops for a slow reader, so it grows as QEMU's
/// buffer does.
#[derive(Debug, Default)]
pub(crate) struct OutputQueue {
    queue: VecDeque<Output>,
    bytes: usize,
    /// Bytes that take memory here: shared texts do not.
    owned: usize,
}

impl OutputQueue {
    pub(crate) fn bytes(&mut self, text: &[u8]) {
        self.bytes += text.len();
        self.owned += text.len();
        match self.queue.back_mut() {
            Some(Output::Bytes(last)) if last.len() < PIECE => last.extend_from_slice(text),
            _ => self.queue.push_back(Output::Bytes(text.to_vec())),
        }
    }

    pub(crate) fn shared(&mut self, text: &Arc<[u8]>) {
        if text.len() < SHARED_FROM {
            self.bytes(text);
        } else {
            self.bytes += text.len();
            self.queue.push_back(Output::Shared(text.clone()));
        }
    }

    pub(crate) fn push(&mut self, output: Output) {
        match output {
            Output::Bytes(text) => self.bytes(&text),
            Output::Shared(text) => self.shared(&text),
            other => self.queue.push_back(other),
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Output> {
        let output = self.queue.pop_front();
        match &output {
            Some(Output::Bytes(text)) => {
                self.bytes -= text.len();
                self.owned -= text.len();
            }
            Some(Output::Shared(text)) => self.bytes -= text.len(),
            _ => {}
        }
        output
    }

    /// Bytes that wait, shared texts counted each time.
    pub(crate) fn len(&self) -> usize {
        self.bytes
    }

    /// Bytes that wait and take memory.
    pub(crate) fn owned(&self) -> usize {
        self.owned
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}
