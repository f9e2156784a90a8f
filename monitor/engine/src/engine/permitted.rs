// SPDX-License-Identifier: GPL-2.0-or-later
//! What no line sends without the user's permission, whichever function runs: the last look at
//! every command on its way to QEMU.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::host::Risk;
use crate::qmp::fd::BorrowedFd;
use crate::qmp::{BoxFuture, Qmp, QmpError, QmpResult};

/// Commands that do more to the VM than they are asked for.
const RISKS: &[(&str, Risk)] = &[
    ("dump-guest-memory", Risk::Pausing),
    ("xen-save-devices-state", Risk::Risky),
];

/// What says whether the VM runs.
const STATUS: &str = "query-status";

/// What a command may do to the VM.
fn risk(command: &str, arguments: &Value) -> Risk {
    // What it is told on its socket ends QEMU where it is wrong.
    if command == "object-add" && arguments["qom-type"] == "qtest" {
        return Risk::Risky;
    }
    let known = RISKS.iter().find(|(name, _)| *name == command);
    known.map_or(Risk::Safe, |(_, risk)| *risk)
}

/// A connection that sends only what is permitted. That something else comes this far is a mistake
/// of a function of ours: builds with debug assertions, as tests are, stop at it.
pub(super) struct Permitted<'a> {
    qmp: &'a dyn Qmp,
    allow: Risk,
    /// The command that the line is for.
    purpose: &'a str,
    /// Whether the VM runs, as far as QEMU said so.
    runs: Mutex<Option<bool>>,
    paused: Mutex<Duration>,
}

impl<'a> Permitted<'a> {
    pub(super) fn new(qmp: &'a dyn Qmp, allow: Risk, purpose: &'a str) -> Self {
        Self {
            qmp,
            allow,
            purpose,
            runs: Mutex::default(),
            paused: Mutex::default(),
        }
    }

    /// How long the commands took that stop the VM, where it ran, each from when it was sent until
    /// its reply. QEMU stops its clocks after the one, before it sends STOP, and starts them before
    /// the other (`dump_init` and `dump_cleanup` of dump/dump.c, `qmp_xen_save_devices_state` of
    /// migration/savevm.c), so that no guest's clock is behind by more.
    pub(super) fn paused(&self) -> Duration {
        *self.paused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn timed(&self, command: &str, reply: BoxFuture<'_, QmpResult>) -> QmpResult {
        if !RISKS.iter().any(|(name, _)| *name == command) {
            let result = reply.await;
            if command == STATUS {
                self.learn(&result);
            }
            return result;
        }
        // For the user's own command nothing is asked beside it: it may count too much.
        if !self.is_purpose(command) && !self.vm_runs().await {
            return reply.await;
        }
        let sent = Instant::now();
        let result = reply.await;
        let mut paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        *paused += sent.elapsed();
        result
    }

    /// Whether the line is for this command, by its name.
    fn is_purpose(&self, command: &str) -> bool {
        self.purpose.replace('_', "-") == command
    }

    /// Whether there is something to stop. Where QEMU does not say, there may be.
    async fn vm_runs(&self) -> bool {
        let known = *self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        match known {
            Some(runs) => runs,
            None => self.learn(&self.qmp.execute(STATUS, Value::Null).await),
        }
    }

    fn learn(&self, status: &QmpResult) -> bool {
        let status = status.as_ref().ok();
        let runs = status.and_then(|status| status["running"].as_bool());
        *self.runs.lock().unwrap_or_else(PoisonError::into_inner) = runs;
        runs.unwrap_or(true)
    }

    fn check(&self, command: &str, arguments: &Value) -> Result<(), QmpError> {
        let permitted = risk(command, arguments) <= self.allow || self.is_purpose(command);
        debug_assert!(permitted, "{command} was not permitted");
        match permitted {
            true => Ok(()),
            false => Err(QmpError::Unsupported(format!(
                "{command} was not permitted"
            ))),
        }
    }
}

impl Qmp for Permitted<'_> {
    fn execute<'a>(&'a self, command: &'a str, arguments: Value) -> BoxFuture<'a, QmpResult> {
        Box::pin(async move {
            self.check(command, &arguments)?;
            let reply = self.qmp.execute(command, arguments);
            self.timed(command, reply).await
        })
    }

    fn execute_with_fd<'a>(
        &'a self,
        command: &'a str,
        arguments: Value,
        fd: BorrowedFd<'a>,
    ) -> BoxFuture<'a, QmpResult> {
        Box::pin(async move {
            self.check(command, &arguments)?;
            let reply = self.qmp.execute_with_fd(command, arguments, fd);
            self.timed(command, reply).await
        })
    }

    fn behind(&self) -> Option<&dyn Qmp> {
        Some(self.qmp)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::command::row::Way;
    use crate::table::{INFO, MAIN};

    /// A QEMU that nobody asks.
    struct Unasked;

    impl Qmp for Unasked {
        fn execute<'a>(&'a self, command: &'a str, _: Value) -> BoxFuture<'a, QmpResult> {
            unreachable!("{command}")
        }
    }

    /// Whether it is; debug builds stop where it is not.
    fn sent(allow: Risk, purpose: &str, command: &str) -> bool {
        sent_with(allow, purpose, command, &Value::Null)
    }

    fn sent_with(allow: Risk, purpose: &str, command: &str, arguments: &Value) -> bool {
        let permitted = Permitted::new(&Unasked, allow, purpose);
        let check = || permitted.check(command, arguments).is_ok();
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)).unwrap_or(false)
    }

    #[test]
    fn only_what_is_permitted_is_sent() {
        for (allow, pausing, risky) in [
            (Risk::Safe, false, false),
            (Risk::Pausing, true, false),
            (Risk::Risky, true, true),
        ] {
            assert_eq!(sent(allow, "info registers", "dump-guest-memory"), pausing);
            assert_eq!(
                sent(allow, "info registers", "xen-save-devices-state"),
                risky
            );
            assert!(sent(allow, "info registers", "query-status"));
            let ports = json!({"qom-type": "qtest", "id": "x"});
            assert_eq!(sent_with(allow, "i", "object-add", &ports), risky);
            assert!(sent_with(allow, "object_add", "object-add", &ports));
            assert!(sent(allow, "i", "object-add"));
        }
        let purpose = "dump-guest-memory";
        assert!(sent(Risk::Safe, purpose, purpose));
        assert!(!sent(Risk::Safe, purpose, "xen-save-devices-state"));
    }

    /// A QEMU that takes a while for whatever it is asked, and says whether its VM runs.
    struct Slow(Value);

    impl Qmp for Slow {
        fn execute<'a>(&'a self, _: &'a str, _: Value) -> BoxFuture<'a, QmpResult> {
            Box::pin(async {
                tokio::time::sleep(Duration::from_millis(5)).await;
                Ok(self.0.clone())
            })
        }
    }

    #[tokio::test]
    async fn only_what_stops_the_vm_counts() {
        let unsaid = Slow(Value::Null);
        let permitted = Permitted::new(&unsaid, Risk::Risky, "");
        permitted
            .execute("query-status", Value::Null)
            .await
            .unwrap();
        assert_eq!(permitted.paused(), Duration::ZERO);
        let mut least = Duration::ZERO;
        for (command, _) in RISKS {
            permitted.execute(command, Value::Null).await.unwrap();
            least += Duration::from_millis(5);
            assert!(permitted.paused() >= least, "{command}");
        }
    }

    #[tokio::test]
    async fn a_stopped_vm_is_not_stopped() {
        for (running, purpose) in [(false, ""), (false, "query-status"), (true, "")] {
            let qemu = Slow(json!({"running": running}));
            let permitted = Permitted::new(&qemu, Risk::Risky, "");
            if !purpose.is_empty() {
                permitted.execute(purpose, Value::Null).await.unwrap();
            }
            for (command, _) in RISKS {
                permitted.execute(command, Value::Null).await.unwrap();
            }
            assert_eq!(permitted.paused().is_zero(), !running);
        }
    }

    /// A route says how much it risks; but for the command of the same name, none sends more.
    #[test]
    fn routes_say_what_they_risk() {
        for row in MAIN.iter().chain(INFO) {
            for route in row
                .routes
                .iter()
                .filter(|route| !matches!(route.way, Way::Blocked(_)))
            {
                let of_others = route.needs().iter().filter(|need| **need != row.name);
                let most = of_others.map(|need| risk(need, &Value::Null)).max();
                assert!(most <= Some(route.risk), "{}", row.name);
            }
        }
    }
}
