// SPDX-License-Identifier: GPL-2.0-or-later
//! What came of a command: the reply, and the events around it.

use std::sync::Arc;
use std::time::Duration;

use crate::fault::FaultKind;
use crate::json::Value;
use crate::schema::Failure;

/// What came of a command.
#[derive(Debug, Clone, Default)]
pub struct Execution {
    /// JSON texts of events that come before the reply.
    pub before: Vec<String>,
    /// The reply; without one the command goes unanswered.
    pub outcome: Option<Outcome>,
    /// JSON texts of events that come after the reply.
    pub after: Vec<String>,
    /// How long the command runs.
    pub delay: Duration,
    /// Whether QEMU ends with it.
    pub quits: bool,
    /// What goes wrong with the reply.
    pub fault: Option<FaultKind>,
    /// Whether the outcome comes later, by [`Link::completed`](super::Link::completed). The command
    /// runs until then.
    pub waits: bool,
}

/// A reply.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Success, as JSON text in QEMU's layout.
    Text(Arc<[u8]>),
    /// Success.
    Value(Value),
    /// Failure, as JSON text in QEMU's layout.
    ErrorText(Arc<[u8]>),
    /// Failure.
    Error(Failure),
}

impl Execution {
    /// An execution that only answers.
    #[must_use]
    pub fn reply(outcome: Outcome) -> Self {
        Self {
            outcome: Some(outcome),
            ..Self::default()
        }
    }

    /// An execution whose outcome comes later.
    #[must_use]
    pub fn waiting() -> Self {
        Self {
            waits: true,
            ..Self::default()
        }
    }

    /// The same with the outcome that came later, and the events around that.
    #[must_use]
    pub(super) fn with(mut self, later: Self) -> Self {
        self.before.extend(later.before);
        self.after.splice(0..0, later.after);
        Self {
            outcome: later.outcome,
            quits: self.quits || later.quits,
            waits: false,
            ..self
        }
    }

    /// An execution that only fails.
    #[must_use]
    pub fn fail(failure: Failure) -> Self {
        Self::reply(Outcome::Error(failure))
    }
}
