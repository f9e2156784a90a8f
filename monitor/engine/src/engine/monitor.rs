// SPDX-License-Identifier: GPL-2.0-or-later
//! A monitor over one connection, and how one is made.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;

use crate::command::own::Own;
use crate::command::route::{Passthrough, Policy};
use crate::command::row::Command;
use crate::command::rows::Rows;
use crate::command::session::{Kept, Session};
use crate::engine::complete::more::{self, Offers};
use crate::engine::complete::{self, Completion, Source};
use crate::guest::given;
use crate::host::{Host, NoHost, Risk};
use crate::qemu::caps::Caps;
use crate::qmp::{Qmp, QmpError};
use crate::table;

/// A human monitor over one QMP connection.
///
/// # Example
///
/// What a line would do, what it does, and what could stand at its end, without any QEMU:
///
/// ```
/// use std::sync::Arc;
///
/// use hmp_engine::engine::Monitor;
/// use hmp_engine::qemu::caps::Caps;
/// use hmp_engine::qmp::version::v;
/// use hmp_engine::qmp::{BoxFuture, Qmp, QmpError, QmpResult};
/// use serde_json::{Value, json};
///
/// struct Nobody;
///
/// impl Qmp for Nobody {
///     fn execute<'a>(&'a self, command: &'a str, _: Value) -> BoxFuture<'a, QmpResult> {
///         Box::pin(async move { Err(QmpError::generic(format!("no {command} here"))) })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let caps = Caps::from_parts(v(11, 1), Some("x86_64"), ["stop", "system_reset"]);
/// let mut monitor = Monitor::builder(Arc::new(Nobody)).build_with(caps);
///
/// let decision = monitor.explain("stop");
/// assert_eq!(json!(decision)["route"], "native");
///
/// let mut text = String::new();
/// monitor.run_line("stop", &mut text).await;
/// assert_eq!(text, "Error: no stop here\n");
///
/// let found = monitor.complete("system_re", 9).await;
/// assert_eq!(found.candidates, ["system_reset"]);
/// # }
/// ```
pub struct Monitor {
    pub(super) qmp: Arc<dyn Qmp>,
    pub(super) host: Arc<dyn Host>,
    pub(super) policy: Policy,
    pub(super) patience: Option<Duration>,
    pub(super) caps: Caps,
    pub(super) rows: Rows,
    pub(super) own: Own,
    pub(super) session: Session,
    /// The built-in monitor was not there for the line that runs, though QEMU lists it.
    pub(super) builtin_gone: bool,
    pub(super) keeps_replies: bool,
}

/// Completes lines of a [`Monitor`], apart from it.
#[derive(Clone)]
pub struct Completer {
    rows: Rows,
    caps: Caps,
    /// Whether the built-in monitor may be asked.
    builtin: bool,
    qmp: Arc<dyn Qmp>,
}

impl Completer {
    /// What could stand at the end of `text`, the line left of the cursor.
    pub async fn complete(&self, text: &str) -> Completion {
        complete::complete(text, &self.rows, self.source()).await
    }

    /// The same for people: with what each is, and more than the built-in has.
    pub async fn offers(&self, text: &str) -> Offers {
        more::offers(text, &self.rows, self.source()).await
    }

    /// What could stand at the end of `text`, which is a QMP command with its arguments, or a
    /// request.
    pub async fn qmp(&self, text: &str) -> Offers {
        more::qmp(text, &self.rows, self.source()).await
    }

    /// The names of the events that the connected QEMU has.
    pub async fn events(&self) -> Vec<String> {
        match self.caps.schema(self.qmp.as_ref()).await {
            Ok(schema) => schema.events(),
            Err(_) => Vec::new(),
        }
    }
}

impl Completer {
    fn source(&self) -> Source<'_> {
        Source {
            caps: &self.caps,
            builtin: self.builtin,
            qmp: self.qmp.as_ref(),
        }
    }
}

/// Makes a [`Monitor`].
pub struct Builder {
    pub(super) qmp: Arc<dyn Qmp>,
    pub(super) host: Arc<dyn Host>,
    pub(super) policy: Policy,
    pub(super) patience: Option<Duration>,
    pub(super) own: Own,
    pub(super) clears: bool,
    pub(super) keeps_replies: bool,
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

    /// How long a job or a migration that a line waits for may make no progress before the line
    /// is given up; by default as long as it takes. Like [`Host::sleep`], it needs a clock.
    #[must_use]
    pub fn patience(mut self, limit: Option<Duration>) -> Self {
        self.patience = limit;
        self
    }

    /// Adds a command of the program's own, in place of QEMU's of that name if there is one: a row,
    /// as the tables have them. It is listed, completed and helped with as all others are, and the
    /// built-in monitor is never asked for it.
    ///
    /// The example `embed` of the crate `hmp` has one.
    #[must_use]
    pub fn own_command(mut self, row: &'static Command) -> Self {
        self.own.add(false, row);
        self
    }

    /// The same below `info`.
    #[must_use]
    pub fn own_info(mut self, row: &'static Command) -> Self {
        self.own.add(true, row);
        self
    }

    /// Whether [`build`](Self::build) also takes back the descriptors that programs left in QEMU
    /// which are gone (see [`Host::fate`]); by default not.
    #[must_use]
    pub fn clear_leftovers(mut self, clears: bool) -> Self {
        self.clears = clears;
        self
    }

    /// Whether what QEMU returns to a native route is kept (see
    /// [`Ran::replies`](crate::engine::Ran::replies)); by default not.
    #[must_use]
    pub fn keep_replies(mut self, keeps: bool) -> Self {
        self.keeps_replies = keeps;
        self
    }

    /// Asks QEMU what it offers. Fails where it does not answer as QEMU does.
    pub async fn build(self) -> Result<Monitor, QmpError> {
        let (qmp, host) = (self.qmp.as_ref(), self.host.as_ref());
        let caps = if self.clears {
            let (caps, cleared) = join(Caps::probe(qmp), given::clear(qmp, host)).await;
            let caps = caps?;
            cleared?;
            caps
        } else {
            Caps::probe(qmp).await?
        };
        Ok(self.build_with(caps))
    }

    /// As [`build`](Self::build), with capabilities that are known already.
    #[must_use]
    pub fn build_with(self, caps: Caps) -> Monitor {
        Monitor {
            rows: self.own.among(table::rows(&caps), &caps),
            own: self.own,
            qmp: self.qmp,
            host: self.host,
            policy: self.policy,
            patience: self.patience,
            caps,
            session: Session::default(),
            builtin_gone: false,
            keeps_replies: self.keeps_replies,
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
            patience: None,
            own: Own::default(),
            clears: false,
            keeps_replies: false,
        }
    }

    /// Goes on where an earlier monitor of the same QEMU lost its connection: what that one gave to
    /// QEMU is taken back before the next line.
    pub fn goes_on_after(&mut self, earlier: &Self) {
        self.session.given = earlier.session.given.clone();
    }

    /// What the lines so far leave for the next one.
    #[must_use]
    pub fn kept(&self) -> Kept {
        self.session.kept
    }

    /// Goes on from what the lines of another monitor of the same QEMU left.
    pub fn keep(&mut self, kept: Kept) {
        self.session.kept = kept;
    }

    /// Sets the highest risk class of routes that may be used from now on.
    pub fn allow(&mut self, risk: Risk) {
        self.policy.allow = risk;
    }

    /// The highest risk class of routes that may be used.
    #[must_use]
    pub fn allowed(&self) -> Risk {
        self.policy.allow
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

    /// Completes lines beside everything else.
    #[must_use]
    pub fn completer(&self) -> Completer {
        Completer {
            rows: self.rows.clone(),
            caps: self.caps.clone(),
            builtin: self.builtin_allowed(),
            qmp: Arc::clone(&self.qmp),
        }
    }

    /// What could stand at byte `pos` of `line`.
    pub async fn complete(&mut self, line: &str, pos: usize) -> Completion {
        let mut end = pos.min(line.len());
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        let source = Source {
            caps: &self.caps,
            builtin: self.builtin_allowed(),
            qmp: self.qmp.as_ref(),
        };
        complete::complete(&line[..end], &self.rows, source).await
    }
}
