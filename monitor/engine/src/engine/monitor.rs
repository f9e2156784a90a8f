// SPDX-License-Identifier: GPL-2.0-or-later
//! A monitor over one connection, and how one is made.

use std::sync::Arc;

use crate::command::route::{Passthrough, Policy};
use crate::command::rows::Rows;
use crate::command::session::Session;
use crate::engine::complete::{self, Completion};
use crate::host::{Host, NoHost, Risk};
use crate::qemu::caps::Caps;
use crate::qmp::{Qmp, QmpError};
use crate::table;

/// A human monitor over one QMP connection.
pub struct Monitor {
    pub(super) qmp: Arc<dyn Qmp>,
    pub(super) host: Arc<dyn Host>,
    pub(super) policy: Policy,
    pub(super) caps: Caps,
    pub(super) rows: Rows,
    pub(super) session: Session,
}

/// Makes a [`Monitor`].
pub struct Builder {
    qmp: Arc<dyn Qmp>,
    host: Arc<dyn Host>,
    policy: Policy,
}

impl Builder {
    /// The program around the monitor; without one, nobody can be asked and time does not pass.
    #[must_use]
    pub fn host(mut self, host: Arc<dyn Host>) -> Self {
        self.host = host;
        self
    }

    /// Whether the built-in monitor may be used; by default, where our own route is missing or
    /// partial.
    #[must_use]
    pub fn passthrough(mut self, passthrough: Passthrough) -> Self {
        self.policy.passthrough = passthrough;
        self
    }

    /// The highest risk class of routes that may be used; by default only safe ones.
    #[must_use]
    pub fn allow(mut self, risk: Risk) -> Self {
        self.policy.allow = risk;
        self
    }

    /// Asks QEMU what it offers. Fails where it does not answer as QEMU does.
    pub async fn build(self) -> Result<Monitor, QmpError> {
        let caps = Caps::probe(self.qmp.as_ref()).await?;
        Ok(self.build_with(caps))
    }

    /// As [`build`](Self::build), with capabilities that are known already.
    #[must_use]
    pub fn build_with(self, caps: Caps) -> Monitor {
        Monitor {
            rows: table::rows(&caps),
            qmp: self.qmp,
            host: self.host,
            policy: self.policy,
            caps,
            session: Session::default(),
        }
    }
}

impl Monitor {
    /// Starts making a monitor over `qmp`.
    #[must_use]
    pub fn builder(qmp: Arc<dyn Qmp>) -> Builder {
        Builder {
            qmp,
            host: Arc::new(NoHost),
            policy: Policy::default(),
        }
    }

    /// What the connected QEMU offers.
    #[must_use]
    pub fn caps(&self) -> &Caps {
        &self.caps
    }

    /// The rows that the connected QEMU has.
    #[must_use]
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// What may go on in QEMU although the line that started it was given up (its future dropped)
    /// or lost its connection; told once.
    pub fn given_up(&mut self) -> Option<String> {
        let goes_on = std::mem::take(&mut self.session.goes_on);
        (!goes_on.is_empty()).then(|| goes_on.join("; "))
    }

    /// What could stand at byte `pos` of `line`.
    pub async fn complete(&mut self, line: &str, pos: usize) -> Completion {
        let mut end = pos.min(line.len());
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        complete::complete(&line[..end], &self.rows, &self.caps, self.qmp.as_ref()).await
    }
}
