// SPDX-License-Identifier: GPL-2.0-or-later
//! Word that QEMU has ended.

use tokio::sync::watch;

/// Comes true once.
#[derive(Clone, Debug)]
pub(super) struct Over(watch::Receiver<bool>);

impl Over {
    pub(super) fn new(over: watch::Receiver<bool>) -> Self {
        Self(over)
    }

    /// Whether QEMU has ended.
    pub(super) fn has_come(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it has.
    pub(super) async fn wait(&mut self) {
        // A sender that is gone says the same.
        let _ = self.0.wait_for(|over| *over).await;
    }
}
