// SPDX-License-Identifier: GPL-2.0-or-later
//! What no line sends without the user's permission, whichever function runs: the last look at
//! every command on its way to QEMU.

use std::os::fd::BorrowedFd;

use serde_json::Value;

use crate::host::Risk;
use crate::qmp::{BoxFuture, Qmp, QmpError, QmpResult};

/// Commands that do more to the VM than they are asked for.
const RISKS: &[(&str, Risk)] = &[
    ("dump-guest-memory", Risk::Pausing),
    ("xen-save-devices-state", Risk::Risky),
];

/// What a command may do to the VM.
fn risk(command: &str) -> Risk {
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
}

impl<'a> Permitted<'a> {
    pub(super) fn new(qmp: &'a dyn Qmp, allow: Risk, purpose: &'a str) -> Self {
        Self {
            qmp,
            allow,
            purpose,
        }
    }

    fn check(&self, command: &str) -> Result<(), QmpError> {
        let permitted = risk(command) <= self.allow || self.purpose == command;
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
            self.check(command)?;
            self.qmp.execute(command, arguments).await
        })
    }

    fn execute_with_fd<'a>(
        &'a self,
        command: &'a str,
        arguments: Value,
        fd: BorrowedFd<'a>,
    ) -> BoxFuture<'a, QmpResult> {
        Box::pin(async move {
            self.check(command)?;
            self.qmp.execute_with_fd(command, arguments, fd).await
        })
    }

    fn behind(&self) -> Option<&dyn Qmp> {
        Some(self.qmp)
    }
}

#[cfg(test)]
mod tests {
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
        let permitted = Permitted::new(&Unasked, allow, purpose);
        let check = || permitted.check(command).is_ok();
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
        }
        let purpose = "dump-guest-memory";
        assert!(sent(Risk::Safe, purpose, purpose));
        assert!(!sent(Risk::Safe, purpose, "xen-save-devices-state"));
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
                let most = of_others.map(|need| risk(need)).max();
                assert!(most <= Some(route.risk), "{}", row.name);
            }
        }
    }
}
