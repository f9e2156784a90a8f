// SPDX-License-Identifier: GPL-2.0-or-later
//! How far jobs and a migration in the background are: a line for each tenth.

use std::collections::BTreeMap;
use std::time::Duration;

use hmp_engine::command::jobs;
use hmp_engine::qmp::Qmp;
use serde_json::Value;
use tokio::time::timeout;

use crate::client::Client;

/// How often QEMU is asked.
pub(in crate::repl) const PAUSE: Duration = Duration::from_secs(1);

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// How far something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::repl) struct Extent {
    what: String,
    done: u64,
    total: u64,
}

/// The tenths that were told already.
#[derive(Debug, Default)]
pub(in crate::repl) struct Tenths(BTreeMap<String, u64>);

impl Tenths {
    /// Lines for those that went over a tenth.
    pub(in crate::repl) fn take(&mut self, extents: Vec<Extent>) -> Vec<String> {
        let mut told = BTreeMap::new();
        let mut lines = Vec::new();
        for Extent { what, done, total } in extents {
            let percent = done.saturating_mul(100) / total.max(1);
            let tenth = percent.min(100) / 10;
            let before = self.0.get(&what).copied().unwrap_or(0);
            if tenth > before {
                lines.push(format!("{what}: {} %", tenth * 10));
            }
            told.insert(what, tenth.max(before));
        }
        self.0 = told;
        lines
    }
}

/// What goes on in QEMU.
pub(in crate::repl) async fn ask(client: Client) -> Vec<Extent> {
    let query = |command| timeout(PATIENCE, client.execute(command, Value::Null));
    let (running, migration) = tokio::join!(query("query-jobs"), query("query-migrate"));
    let mut extents = Vec::new();
    let running = running.ok().and_then(Result::ok).unwrap_or_default();
    for job in running.as_array().into_iter().flatten() {
        let number = |name| job.get(name).and_then(Value::as_u64);
        let text = |name| job.get(name).and_then(Value::as_str).unwrap_or_default();
        let (Some(done), Some(total)) = (number("current-progress"), number("total-progress"))
        else {
            continue;
        };
        if text("status") == "running" && !text("id").starts_with(jobs::PREFIX) {
            let what = format!("{} job {}", text("type"), text("id"));
            extents.push(Extent { what, done, total });
        }
    }
    let migration = migration.ok().and_then(Result::ok).unwrap_or_default();
    let number = |name: &str| migration.get("ram")?.get(name)?.as_u64();
    let is_active = migration.get("status").and_then(Value::as_str) == Some("active");
    let bytes = (number("remaining"), number("total"));
    if let (true, (Some(left), Some(total))) = (is_active, bytes) {
        extents.push(Extent {
            what: "migration".into(),
            done: total.saturating_sub(left),
            total,
        });
    }
    extents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tenth_is_told_once() {
        let mut tenths = Tenths::default();
        let mut at = |done| {
            tenths.take(vec![Extent {
                what: "mirror job d0".into(),
                done,
                total: 1000,
            }])
        };
        assert_eq!(at(50), [""; 0]);
        assert_eq!(at(105), ["mirror job d0: 10 %"]);
        assert_eq!(at(199), [""; 0]);
        assert_eq!(at(450), ["mirror job d0: 40 %"]);
        // More to do came up meanwhile.
        assert_eq!(at(300), [""; 0]);
        assert_eq!(at(2000), ["mirror job d0: 100 %"]);
        assert_eq!(tenths.take(Vec::new()), [""; 0]);
    }
}
