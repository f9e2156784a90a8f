// SPDX-License-Identifier: GPL-2.0-or-later
//! Events that a guest could flood clients with come at most once a second.

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;

use crate::recording::QemuVersion;
use crate::release::{FIRST, Release, v};

const INTERVAL: Duration = Duration::from_secs(1);

/// The limited events, the member of their data that is limited each by itself, and the first
/// release that limits them (`monitor_qapi_event_conf`, `qapi_event_throttle_equal`).
const LIMITED: &[(&str, Option<&str>, Release)] = &[
    ("RTC_CHANGE", None, FIRST),
    ("WATCHDOG", None, FIRST),
    ("BALLOON_CHANGE", None, FIRST),
    ("QUORUM_REPORT_BAD", Some("node-name"), FIRST),
    ("QUORUM_FAILURE", None, FIRST),
    ("VSERPORT_CHANGE", Some("id"), FIRST),
    ("MEMORY_DEVICE_SIZE_CHANGE", Some("qom-path"), FIRST),
    // 9.2, commit 2155d2dd7f of QEMU.
    ("BLOCK_IO_ERROR", Some("qom-path"), v(9, 2)),
    // 8.2, commit 259ebed45a of QEMU.
    ("HV_BALLOON_STATUS_REPORT", None, v(8, 2)),
];

/// The limiter, shared by all monitors of a machine.
#[derive(Debug)]
pub(crate) struct Throttle {
    release: Release,
    waiting: HashMap<(String, String), Waiting>,
}

#[derive(Debug)]
struct Waiting {
    until: Duration,
    newest: Option<String>,
}

#[derive(Deserialize)]
struct Shape {
    event: String,
    #[serde(default)]
    data: serde_json::Map<String, serde_json::Value>,
}

impl Throttle {
    pub(crate) fn new(version: &QemuVersion) -> Self {
        Self {
            release: version.release(),
            waiting: HashMap::new(),
        }
    }

    /// Gives the event back if it may be sent now; else keeps it, instead of an older one of its
    /// kind.
    pub(crate) fn pass(&mut self, event: String, now: Duration) -> Option<String> {
        let Some(key) = self.key(&event) else {
            return Some(event);
        };
        match self.waiting.get_mut(&key) {
            Some(waiting) => {
                waiting.newest = Some(event);
                None
            }
            None => {
                self.waiting.insert(
                    key,
                    Waiting {
                        until: now + INTERVAL,
                        newest: None,
                    },
                );
                Some(event)
            }
        }
    }

    /// When [`Self::due`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.waiting.values().map(|waiting| waiting.until).min()
    }

    /// The events whose time has come.
    pub(crate) fn due(&mut self, now: Duration) -> Vec<String> {
        let mut events = Vec::new();
        self.waiting.retain(|_, waiting| {
            if waiting.until > now {
                return true;
            }
            match waiting.newest.take() {
                Some(event) => {
                    events.push(event);
                    waiting.until += INTERVAL;
                    true
                }
                None => false,
            }
        });
        events
    }

    /// What is limited together with this event, if it is limited.
    fn key(&self, event: &str) -> Option<(String, String)> {
        // Most events are not limited; their data need not be read.
        if !LIMITED.iter().any(|(name, ..)| event.contains(name)) {
            return None;
        }
        let shape: Shape = serde_json::from_str(event).ok()?;
        let (_, member, _) = LIMITED
            .iter()
            .find(|(name, _, since)| *name == shape.event && *since <= self.release)?;
        let part = member
            .and_then(|member| shape.data.get(member))
            .map(ToString::to_string);
        Some((shape.event, part.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_newest_waits_for_the_second_to_end() {
        let mut throttle = Throttle::new(&QemuVersion::parse("10.0").unwrap());
        let event =
            |offset: u32| format!("{{\"event\":\"RTC_CHANGE\",\"data\":{{\"offset\":{offset}}}}}");
        assert_eq!(throttle.pass(event(0), ms(0)), Some(event(0)));
        assert_eq!(throttle.pass(event(1), ms(50)), None);
        assert_eq!(throttle.pass(event(2), ms(100)), None);
        assert_eq!(throttle.deadline(), Some(ms(1000)));
        assert_eq!(throttle.due(ms(999)), Vec::<String>::new());
        assert_eq!(throttle.due(ms(1000)), [event(2)]);
        assert_eq!(throttle.due(ms(2000)), Vec::<String>::new());
        assert_eq!(throttle.deadline(), None);
        assert_eq!(throttle.pass(event(3), ms(2001)), Some(event(3)));
    }

    #[test]
    fn ports_are_limited_each_by_itself_and_others_not_at_all() {
        let mut throttle = Throttle::new(&QemuVersion::parse("9.1").unwrap());
        for text in [
            r#"{"event":"VSERPORT_CHANGE","data":{"id":"a"}}"#,
            r#"{"event":"VSERPORT_CHANGE","data":{"id":"b"}}"#,
            r#"{"event":"STOP"}"#,
            r#"{"event":"STOP"}"#,
            r#"{"event":"BLOCK_IO_ERROR","data":{"qom-path":"/x"}}"#,
            r#"{"event":"BLOCK_IO_ERROR","data":{"qom-path":"/x"}}"#,
        ] {
            assert!(throttle.pass(text.to_owned(), ms(0)).is_some(), "{text}");
        }
    }
}
