// SPDX-License-Identifier: GPL-2.0-or-later
//! Lines that only look, answered ahead of their turn.
//!
//! Such a line is carried out by a monitor of its own, over a connection that lets questions
//! through and nothing else. What does not end well there, be it an error of QEMU's, is left to the
//! line's turn: asking once more changes nothing.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join;
use serde_json::Value;

use crate::command::nature::Effect;
use crate::command::route::Plan;
use crate::command::row::Way;
use crate::command::rows::Rows;
use crate::command::session::Session;
use crate::engine::monitor::{Builder, Monitor};
use crate::engine::ran::{Outcome, Ran};
use crate::format::sink::Sink;
use crate::guest::given;
use crate::host::Risk;
use crate::qemu::caps::Caps;
use crate::qmp::{BoxFuture, Qmp, QmpError, QmpResult};

/// QMP commands that only look, beside those whose names say it.
const LOOKS: &[&str] = &[
    "device-list-properties",
    "qom-get",
    "qom-list",
    "qom-list-get",
    "qom-list-properties",
    "qom-list-types",
    "trace-event-get-state",
];

/// Whether a QMP command only looks.
fn looks(command: &str) -> bool {
    command.starts_with("query-") || command.starts_with("x-query-") || LOOKS.contains(&command)
}

/// A line's answer that came ahead of its turn.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What became of the line.
    pub ran: Ran,
    text: String,
}

impl Answer {
    /// Writes the text that the line prints.
    pub fn write(&self, out: &mut dyn Sink) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl Monitor {
    /// The command of a line that may be answered ahead of its turn: an `info` line with a route of
    /// our own that asks QEMU what needs no permission, could harm nothing and leaves nothing. None
    /// for every other line.
    #[must_use]
    pub fn only_looks(&self, line: &str) -> Option<String> {
        let decision = self.explain(line);
        let row = decision.row?;
        let Some(Plan::Run(route, _)) = decision.plan else {
            return None;
        };
        let plain = route.risk == Risk::Safe
            && matches!(route.way, Way::Native(..) | Way::Derived(..))
            && row.effect == Effect::Looks
            && route.needs().iter().all(|need| looks(need));
        let free = decision.error.is_none()
            && decision.registers.is_none()
            && decision.hazards.is_empty()
            && decision.otherwise.is_empty();
        let possible = !self.caps.preconfig && self.is_tidy();
        let command = decision.command?;
        (plain && free && possible && command.starts_with("info ")).then_some(command)
    }

    fn may_look(&self, line: &str) -> bool {
        self.only_looks(line).is_some() && self.caps.was_enough()
    }

    /// Carries out a line that [only looks](Self::only_looks) beside others; none where its turn
    /// has to show what becomes of it.
    pub fn ahead(&self, line: &str) -> impl Future<Output = Option<Answer>> + Send + use<> {
        let look = self.look(line);
        async move {
            look.await
                .filter(|answer| answer.ran.outcome == Outcome::Done)
        }
    }

    /// The same, where a line that found the connection lost has its answer too: for one that is the
    /// only one.
    pub fn look(&self, line: &str) -> impl Future<Output = Option<Answer>> + Send + use<> {
        let looking = Arc::new(Looking {
            qmp: Arc::clone(&self.qmp),
            stopped: AtomicBool::new(false),
        });
        let mut monitor = Self {
            qmp: Arc::clone(&looking) as Arc<dyn Qmp>,
            host: Arc::clone(&self.host),
            policy: self.policy,
            patience: self.patience,
            caps: self.caps.clone(),
            rows: self.rows.clone(),
            own: self.own.clone(),
            session: Session {
                kept: self.session.kept,
                ..Session::default()
            },
            builtin_gone: false,
            keeps_replies: self.keeps_replies,
        };
        let line = line.to_owned();
        async move {
            let kept = monitor.session.kept;
            let mut text = String::new();
            let ran = monitor.run_line(&line, &mut text).await;
            let whole = matches!(ran.outcome, Outcome::Done | Outcome::Disconnected(_))
                && !looking.stopped.load(Ordering::Relaxed)
                && monitor.session.kept == kept
                && monitor.is_tidy()
                && monitor.caps.was_enough();
            whole.then_some(Answer { ran, text })
        }
    }
}

impl Builder {
    /// Whether a line may do no more than [look](Monitor::look), as far as the greeting says; nothing
    /// is asked.
    #[must_use]
    pub fn may_look(&self, line: &str) -> bool {
        self.guessing()
            .is_some_and(|monitor| monitor.may_look(line))
    }

    /// A monitor that knows no more of QEMU than its greeting and its target, for a
    /// [look](Monitor::look) at one line and nothing else, so that QEMU need not say first what it
    /// offers. None where that is not enough, and for lines that do more than look.
    pub async fn for_line(&self, line: &str) -> Result<Option<Monitor>, QmpError> {
        let Some(mut monitor) = self.guessing().filter(|monitor| monitor.may_look(line)) else {
            return Ok(None);
        };
        let (qmp, host) = (self.qmp.as_ref(), self.host.as_ref());
        // It decides which rows there are, and a QEMU before its machine is refuses this.
        let target = monitor.caps.probe_target(qmp);
        if self.clears {
            let (target, cleared) = join(target, given::clear(qmp, host)).await;
            target?;
            cleared?;
        } else {
            target.await?;
        }
        let may = monitor.caps.arch.is_some() && monitor.may_look(line);
        Ok(may.then_some(monitor))
    }

    /// A monitor that takes for granted what every QEMU has.
    fn guessing(&self) -> Option<Monitor> {
        let caps = Caps::guess(self.qmp.as_ref())?;
        Some(Monitor {
            rows: Rows::default(),
            qmp: Arc::clone(&self.qmp),
            host: Arc::clone(&self.host),
            policy: self.policy,
            patience: self.patience,
            caps,
            own: self.own.clone(),
            session: Session::default(),
            builtin_gone: false,
            keeps_replies: self.keeps_replies,
        })
    }
}

/// A connection that only looks.
struct Looking {
    qmp: Arc<dyn Qmp>,
    /// Whether something else was asked for, and not sent.
    stopped: AtomicBool,
}

impl Qmp for Looking {
    fn execute<'a>(&'a self, command: &'a str, arguments: Value) -> BoxFuture<'a, QmpResult> {
        if looks(command) {
            return self.qmp.execute(command, arguments);
        }
        self.stopped.store(true, Ordering::Relaxed);
        let error = QmpError::Unsupported(format!("{command} is left to the line's turn"));
        Box::pin(async { Err(error) })
    }

    fn behind(&self) -> Option<&dyn Qmp> {
        Some(self.qmp.as_ref())
    }
}
