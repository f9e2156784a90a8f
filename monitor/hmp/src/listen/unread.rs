// SPDX-License-Identifier: GPL-2.0-or-later
//! How much waits for clients that do not read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes kept for one client, before it is closed. The echo of one line can be 32 MiB.
const OF_ONE: usize = 96 << 20;

/// Bytes kept for all clients of a server, before those are closed for which more than a share waits.
const OF_ALL: usize = 512 << 20;
const SHARE: usize = 4 << 20;

/// What waits for one client, among all.
#[derive(Debug, Default)]
pub(super) struct Unread {
    all: Arc<AtomicUsize>,
    own: usize,
}

impl Unread {
    /// For another client of the same server.
    pub(super) fn another(&self) -> Self {
        Self {
            all: Arc::clone(&self.all),
            own: 0,
        }
    }

    /// So much waits for the client now. Whether it is to be closed.
    pub(super) fn is_too_much(&mut self, waiting: usize) -> bool {
        self.all.fetch_add(waiting, Ordering::Relaxed);
        self.all.fetch_sub(self.own, Ordering::Relaxed);
        self.own = waiting;
        let all = self.all.load(Ordering::Relaxed);
        waiting > OF_ONE || all > OF_ALL && waiting > SHARE
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        self.all.fetch_sub(self.own, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_and_all_are_limited() {
        let server = Unread::default();
        let mut one = server.another();
        assert!(!one.is_too_much(OF_ONE));
        assert!(one.is_too_much(OF_ONE + 1));
        assert!(!one.is_too_much(0));
        let mut many: Vec<Unread> = (0..6).map(|_| server.another()).collect();
        let closed = many.iter_mut().map(|client| client.is_too_much(90 << 20));
        assert_eq!(
            closed.collect::<Vec<_>>(),
            [false, false, false, false, false, true]
        );
        // Who reads is left alone.
        assert!(!one.is_too_much(SHARE));
        drop(many);
        assert!(!one.is_too_much(90 << 20));
    }
}
