// SPDX-License-Identifier: GPL-2.0-or-later
//! The end of a migration in the background. QEMU sends an event of it only where the capability
//! `events` is on.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmp_engine::qmp::Qmp;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::client::{Client, Event};

/// How often QEMU is asked.
const PAUSE: Duration = Duration::from_millis(500);

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The name of the event.
const MIGRATION: &str = "MIGRATION";

/// The states in which a migration is over (MigrationStatus in qapi/migration.json).
const OVER: &[&str] = &["cancelled", "completed", "failed"];

/// Waits until the migration is over; the event that QEMU could have sent. None where there is no
/// migration.
pub(in crate::repl) async fn ended(client: Client) -> Option<Event> {
    loop {
        sleep(PAUSE).await;
        let reply = timeout(PATIENCE, client.execute("query-migrate", Value::Null)).await;
        let Ok(Ok(reply)) = reply else {
            continue;
        };
        let status = reply.get("status")?.as_str()?;
        if !OVER.contains(&status) {
            continue;
        }
        let why = reply.get("error-desc").and_then(Value::as_str);
        let why = why.map_or_else(String::new, |why| format!(": {why}"));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        return Some(Event {
            name: MIGRATION.into(),
            data: json!({"status": format!("{status}{why}")}),
            seconds: i64::try_from(now.as_secs()).ok()?,
            microseconds: now.subsec_micros().into(),
        });
    }
}

/// Whether an event says that a migration is over.
pub(in crate::repl) fn says_so(event: &Event) -> bool {
    let status = event.data.get("status").and_then(Value::as_str);
    event.name == MIGRATION && status.is_some_and(|status| OVER.contains(&status))
}
