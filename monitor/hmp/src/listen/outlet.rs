// SPDX-License-Identifier: GPL-2.0-or-later
//! Where a line's answer goes until its client's connection takes it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hmp_engine::engine::Sink;
use tokio::sync::Notify;

use crate::listen::text;

/// Text on its way from a line to a client.
#[derive(Clone, Debug, Default)]
pub(super) struct Outlet(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    /// Whether what comes is thrown away.
    deaf: bool,
}

impl Outlet {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Throws away what is there and what comes, or takes it again.
    pub(super) fn deafen(&self, deaf: bool) {
        let mut state = self.lock();
        state.deaf = deaf;
        if deaf {
            state.bytes.clear();
        }
    }

    /// Appends what has come to `out`, with CR LF at the end of lines.
    pub(super) fn take(&self, out: &mut Vec<u8>) {
        let mut state = self.lock();
        for piece in state.bytes.split_inclusive(|&byte| byte == b'\n') {
            match piece.strip_suffix(b"\n") {
                Some(line) => {
                    out.extend_from_slice(line);
                    out.extend_from_slice(b"\r\n");
                }
                None => out.extend_from_slice(piece),
            }
        }
        state.bytes = Vec::new();
    }

    /// Wakes whoever waits for news.
    pub(super) fn wake(&self) {
        self.0.news.notify_one();
    }

    /// Waits until something has come.
    pub(super) async fn news(&self) {
        self.0.news.notified().await;
    }
}

impl fmt::Write for Outlet {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut state = self.lock();
        if !state.deaf {
            state.bytes.extend_from_slice(&text::encode(text));
            drop(state);
            self.wake();
        }
        Ok(())
    }
}

impl Sink for Outlet {}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn lines_end_in_cr_lf() {
        let mut outlet = Outlet::default();
        let mut out = Vec::new();
        outlet.write_str("a\n\nb").unwrap();
        outlet.take(&mut out);
        outlet.take(&mut out);
        assert_eq!(out, b"a\r\n\r\nb");
        outlet.write_str("lost").unwrap();
        outlet.deafen(true);
        outlet.write_str("lost").unwrap();
        outlet.deafen(false);
        outlet.write_str("c").unwrap();
        out.clear();
        outlet.take(&mut out);
        assert_eq!(out, b"c");
    }
}
