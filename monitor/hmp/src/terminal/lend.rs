// SPDX-License-Identifier: GPL-2.0-or-later
//! Lends the terminal to another program for a while: its keys, and its modes as they were found.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use super::input::Input;
use super::mode::Terminal;

/// Lends the terminal.
#[derive(Clone, Debug)]
pub struct Lender {
    terminal: Arc<Terminal>,
    input: Arc<Input>,
}

/// As long as it is there, another program has the terminal.
#[derive(Debug)]
pub struct Lent(Lender);

impl Lender {
    /// Lends a terminal whose keys are read.
    #[must_use]
    pub fn new(terminal: Arc<Terminal>, input: Arc<Input>) -> Self {
        Self { terminal, input }
    }

    /// Lends it.
    pub fn lend(&self) -> io::Result<Lent> {
        self.input.pause();
        let lent = Lent(self.clone());
        self.terminal.lend()?;
        Ok(lent)
    }

    /// Whether something was typed that nobody has looked at.
    #[must_use]
    pub fn was_typed_ahead(&self) -> bool {
        self.input.waits()
    }

    /// A descriptor of the terminal, for another program's standard input.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        self.terminal.as_fd().try_clone_to_owned()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // A terminal that is gone is noticed by whoever reads it.
        let _ = self.0.terminal.reapply();
        self.0.input.resume();
    }
}
