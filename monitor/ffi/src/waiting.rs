// SPDX-License-Identifier: GPL-2.0-or-later
//! Requests without an answer as yet. Answers come from any thread, and from within the callback
//! that asks.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use serde_json::Value;

use crate::callbacks::Callbacks;

/// What the handle shares with the futures of its line and with threads that answer.
pub(crate) struct Shared {
    pub(crate) callbacks: Callbacks,
    /// The member `QMP` of the connection's greeting, where the embedder has passed it.
    pub(crate) greeting: OnceLock<Value>,
    waiting: Mutex<Waiting>,
    /// Something has happened since the line was polled last.
    woken: AtomicBool,
    /// The line is being polled: whoever polls looks at `woken` afterwards.
    polling: AtomicBool,
    /// The line was given up from within a callback: nothing is called for it any more.
    mute: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    last: u64,
    slots: BTreeMap<u64, Slot>,
}

#[derive(Default)]
struct Slot {
    answer: Option<Vec<u8>>,
    waker: Option<Waker>,
}

impl Shared {
    pub(crate) fn new(callbacks: Callbacks) -> Self {
        Self {
            callbacks,
            greeting: OnceLock::new(),
            waiting: Mutex::default(),
            woken: AtomicBool::new(false),
            polling: AtomicBool::new(false),
            mute: AtomicBool::new(false),
        }
    }

    /// No callback is called with the lock held, so that an answer can come from within it.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks with `ask`, which gets the new token; the answer comes later or from within.
    pub(crate) fn ask(self: &Arc<Self>, ask: impl FnOnce(&Callbacks, u64)) -> Answer {
        let token = {
            let mut waiting = self.lock();
            waiting.last += 1;
            let token = waiting.last;
            waiting.slots.insert(token, Slot::default());
            token
        };
        let answer = Answer {
            shared: Arc::clone(self),
            token,
        };
        if !self.is_mute() {
            ask(&self.callbacks, token);
        }
        answer
    }

    /// Takes an answer; whether somebody waits for it.
    pub(crate) fn answer(&self, token: u64, text: &[u8]) -> bool {
        let waker = {
            let mut waiting = self.lock();
            let slot = waiting.slots.get_mut(&token);
            let Some(slot) = slot.filter(|slot| slot.answer.is_none()) else {
                return false;
            };
            slot.answer = Some(text.to_vec());
            slot.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    pub(crate) fn is_mute(&self) -> bool {
        self.mute.load(Ordering::Relaxed)
    }

    /// From here on nothing is called for what runs, after `cancel` for each request that it waits
    /// for.
    pub(crate) fn silence(&self) {
        if self.mute.swap(true, Ordering::Relaxed) {
            return;
        }
        let slots = std::mem::take(&mut self.lock().slots);
        for (token, _) in slots.iter().filter(|(_, slot)| slot.answer.is_none()) {
            self.callbacks.cancel(*token);
        }
    }

    /// Ends [`silence`](Self::silence): what ran is gone.
    pub(crate) fn speak(&self) {
        self.mute.store(false, Ordering::Relaxed);
    }

    /// Polls as long as answers come meanwhile; `enough` says whether to stop all the same.
    pub(crate) fn drive<T>(
        self: &Arc<Self>,
        mut future: Pin<&mut (impl Future<Output = T> + ?Sized)>,
        enough: impl Fn() -> bool,
    ) -> Poll<T> {
        let waker = Waker::from(Arc::clone(self));
        let mut context = Context::from_waker(&waker);
        let _polling = Polling::begin(self);
        loop {
            self.polling.store(true, Ordering::SeqCst);
            self.woken.store(false, Ordering::SeqCst);
            let polled = future.as_mut().poll(&mut context);
            if polled.is_ready() || enough() {
                return polled;
            }
            // A thread that answers from here on calls `wake`; one that did before left its mark.
            self.polling.store(false, Ordering::SeqCst);
            if !self.woken.load(Ordering::SeqCst) {
                return Poll::Pending;
            }
        }
    }
}

/// Polling ends with this, however it ends.
struct Polling<'a>(&'a Shared);

impl<'a> Polling<'a> {
    fn begin(shared: &'a Shared) -> Self {
        shared.polling.store(true, Ordering::SeqCst);
        Self(shared)
    }
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.0.polling.store(false, Ordering::SeqCst);
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let first = !self.woken.swap(true, Ordering::SeqCst);
        if first && !self.polling.load(Ordering::SeqCst) {
            self.callbacks.wake();
        }
    }
}

/// An answer to come. Dropped before it came, its request is cancelled.
pub(crate) struct Answer {
    shared: Arc<Shared>,
    token: u64,
}

impl Future for Answer {
    type Output = Vec<u8>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Vec<u8>> {
        let mut waiting = self.shared.lock();
        let Some(slot) = waiting.slots.get_mut(&self.token) else {
            return Poll::Pending;
        };
        match slot.answer.take() {
            Some(answer) => {
                waiting.slots.remove(&self.token);
                Poll::Ready(answer)
            }
            None => {
                slot.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let slot = self.shared.lock().slots.remove(&self.token);
        if slot.is_some_and(|slot| slot.answer.is_none()) && !self.shared.is_mute() {
            self.shared.callbacks.cancel(self.token);
        }
    }
}
