// SPDX-License-Identifier: GPL-2.0-or-later
//! The time that events carry.

/// The value of an event's `timestamp` as of now: JSON text in the order of QEMU's dictionary.
#[must_use]
pub fn timestamp() -> String {
    let now = std::time::SystemTime::now();
    let now = now
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    format!(
        "{{\"seconds\": {}, \"microseconds\": {}}}",
        now.as_secs(),
        now.subsec_micros()
    )
}

/// What QEMU says when it ends, for this reason, as JSON text.
#[must_use]
pub fn shutdown(reason: &str) -> String {
    let data = serde_json::json!({"guest": false, "reason": reason});
    format!(
        "{{\"timestamp\": {}, \"event\": \"SHUTDOWN\", \"data\": {data}}}",
        timestamp()
    )
}
