// SPDX-License-Identifier: GPL-2.0-or-later
//! An event as a line: what matters of its data.

use std::fmt::Write;

use serde_json::Value;

use crate::client::Event;

/// Bytes of a line at most; a guest can choose what an event holds.
const LONGEST: usize = 400;

/// How the data of an event is told, members in braces, `{a.b}` one within another: `{a|b}` is the
/// first of them that is there and not empty, `{a?yes:no}` a flag. A part in brackets is left out where a member is missing.
/// Names and members are QEMU's (qapi/*.json, 7.2 to 11.1). Others are told as they are.
const TOLD: &[(&str, &str)] = &[
    ("BALLOON_CHANGE", "{actual} bytes"),
    ("BLOCK_EXPORT_DELETED", "{id}"),
    (
        "BLOCK_IO_ERROR",
        "{operation} error on {device|qom-path|node-name}[: {reason}], action {action}",
    ),
    (
        "BLOCK_JOB_CANCELLED",
        "{type} job {device} at {offset} of {len}",
    ),
    (
        "BLOCK_JOB_COMPLETED",
        "{type} job {device} at {offset} of {len}[: {error}]",
    ),
    (
        "BLOCK_JOB_ERROR",
        "{operation} error of job {device}, action {action}",
    ),
    ("BLOCK_JOB_PENDING", "{type} job {id}"),
    ("BLOCK_JOB_READY", "{type} job {device}"),
    (
        "BLOCK_WRITE_THRESHOLD",
        "{node-name}: {amount-exceeded} bytes above {write-threshold}",
    ),
    ("DEVICE_DELETED", "{device|path}"),
    ("DEVICE_TRAY_MOVED", "{device|id}: {tray-open?open:closed}"),
    ("DEVICE_UNPLUG_GUEST_ERROR", "{device|path}"),
    ("DUMP_COMPLETED", "{result.status}[: {error}]"),
    ("GUEST_CRASHLOADED", "action {action}"),
    ("GUEST_PANICKED", "action {action}"),
    ("JOB_STATUS_CHANGE", "{id}: {status}"),
    ("MEMORY_DEVICE_SIZE_CHANGE", "{id|qom-path}: {size} bytes"),
    ("MEMORY_FAILURE", "{recipient}: {action}"),
    ("MEM_UNPLUG_ERROR", "{device}: {msg}"),
    ("MIGRATION", "{status}"),
    ("MIGRATION_PASS", "pass {pass}"),
    ("RESET", "{reason}"),
    ("SHUTDOWN", "{reason}"),
    ("WATCHDOG", "action {action}"),
];

/// The event's name and what matters of its data, on one line. `status` is the run state that
/// follows, for events that say nothing of why.
pub(in crate::repl) fn told(event: &Event, status: Option<&str>) -> String {
    let told = TOLD.iter().find(|(name, _)| *name == event.name);
    let data = told.and_then(|(_, template)| filled(template, &event.data));
    let mut data = data.unwrap_or_else(|| plain(&event.data));
    if let Some(status) = status {
        data = status.to_owned();
    }
    let mut text = match data.is_empty() {
        true => event.name.clone(),
        false => format!("{}: {data}", event.name),
    };
    if text.len() > LONGEST {
        let mut end = LONGEST;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str("...");
    }
    text
}

/// A template with its members put in; none where one outside of brackets is missing.
fn filled(template: &str, data: &Value) -> Option<String> {
    let mut text = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['[', '{']) {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        let inner = &from[1..];
        if from.starts_with('[') {
            let (part, behind) = inner.split_once(']')?;
            text.push_str(&filled(part, data).unwrap_or_default());
            rest = behind;
        } else {
            let (names, behind) = inner.split_once('}')?;
            text.push_str(&member(names, data)?);
            rest = behind;
        }
    }
    text.push_str(rest);
    Some(text)
}

fn member(names: &str, data: &Value) -> Option<String> {
    if let Some((name, words)) = names.split_once('?') {
        let (yes, no) = words.split_once(':')?;
        let holds = data.get(name)?.as_bool()?;
        return Some(if holds { yes } else { no }.to_owned());
    }
    let mut found = names
        .split('|')
        .filter_map(|name| name.split('.').try_fold(data, |data, name| data.get(name)));
    found.find_map(|value| scalar(value).filter(|text| !text.is_empty()))
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Members as `name=value`, those of inner objects with the outer name in front.
fn plain(data: &Value) -> String {
    let mut text = String::new();
    add(&mut text, "", data);
    text
}

fn add(text: &mut String, name: &str, value: &Value) {
    if text.len() > LONGEST {
        return;
    }
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let name = match name {
                    "" => key.clone(),
                    name => format!("{name}.{key}"),
                };
                add(text, &name, value);
            }
        }
        Value::Array(_) | Value::Null => {}
        _ => {
            let gap = if text.is_empty() { "" } else { ", " };
            // Writing to a string can't fail.
            let _ = write!(text, "{gap}{name}={}", scalar(value).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn event(name: &str, data: Value) -> Event {
        Event {
            name: name.into(),
            data,
            seconds: 0,
            microseconds: 0,
        }
    }

    #[rstest]
    #[case("RESUME", json!(null), "RESUME")]
    #[case("SHUTDOWN", json!({"guest": true, "reason": "guest-shutdown"}), "SHUTDOWN: guest-shutdown")]
    #[case(
        "BLOCK_IO_ERROR",
        json!({"device": "", "node-name": "n0", "operation": "write", "action": "stop", "nospace": true, "reason": "No space left on device"}),
        "BLOCK_IO_ERROR: write error on n0: No space left on device, action stop"
    )]
    #[case(
        "BLOCK_IO_ERROR",
        json!({"device": "hd0", "operation": "read", "action": "report"}),
        "BLOCK_IO_ERROR: read error on hd0, action report"
    )]
    #[case("DEVICE_TRAY_MOVED", json!({"device": "cd0", "id": "/x", "tray-open": true}), "DEVICE_TRAY_MOVED: cd0: open")]
    #[case("DEVICE_DELETED", json!({"path": "/machine/peripheral-anon/device[0]"}), "DEVICE_DELETED: /machine/peripheral-anon/device[0]")]
    #[case("VNC_CONNECTED", json!({"server": {"host": "::", "auth": "none"}, "up": true}), "VNC_CONNECTED: server.host=::, server.auth=none, up=true")]
    #[case("SHUTDOWN", json!({"guest": true}), "SHUTDOWN: guest=true")]
    #[case(
        "DUMP_COMPLETED",
        json!({"result": {"total": 5, "status": "failed", "completed": 1}, "error": "no space"}),
        "DUMP_COMPLETED: failed: no space"
    )]
    fn what_matters_is_told(#[case] name: &str, #[case] data: Value, #[case] line: &str) {
        assert_eq!(told(&event(name, data), None), line);
    }

    #[test]
    fn a_stop_says_why() {
        let stop = event("STOP", Value::Null);
        assert_eq!(told(&stop, Some("io-error")), "STOP: io-error");
    }

    #[test]
    fn long_ones_are_cut() {
        let long = event("MIGRATION", json!({"status": "ä".repeat(5000)}));
        assert!(told(&long, None).len() < LONGEST + 10);
        let members: serde_json::Map<_, _> =
            (0..5000).map(|n| (format!("k{n}"), json!("v"))).collect();
        assert!(told(&event("X", members.into()), None).len() < LONGEST + 10);
    }
}
