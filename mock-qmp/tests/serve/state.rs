// SPDX-License-Identifier: GPL-2.0-or-later
//! The state that follows events and answers, and the report of what is not as recorded.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::mock::{Client, Mock, STATUS, machine, recordings, session};

#[test]
fn a_session_that_is_repeated_is_clean_in_strict_mode() {
    let (_folder, session) = session(STATUS);
    // The schema, by which the unknown command is refused before it is looked up.
    let schema =
        std::fs::read_to_string(recordings().join("schemas/2fd7c31f20045a12.json")).unwrap();
    std::fs::write(_folder.path().join("schema.json"), schema).unwrap();
    let mock = Mock::start(&[&session, "--mode", "strict"]);
    let mut client = mock.client();
    client.ask("query-status", json!({}));
    client.ask("cont", json!({}));
    client.ask("device_add", json!({"driver": "usb-kbd", "id": "k"}));
    client.ask("device_del", json!({"id": "k"}));
    client.event("DEVICE_DELETED");
    assert_eq!(
        client.ask("no-such-command", json!({})),
        "The command no-such-command has not been found"
    );
    assert_eq!(mock.end(), (Some(0), String::new()));
}

#[test]
fn the_state_follows_events() {
    let (_folder, session) = session(STATUS);
    let mock = Mock::start(&[&session]);
    let mut client = mock.client();
    let status = |client: &mut Client| client.ask("query-status", json!({}))["status"].take();
    assert_eq!(status(&mut client), "prelaunch");
    assert_eq!(
        client.ask("device_del", json!({"id": "k"})),
        "Device 'k' not found"
    );
    client.ask("cont", json!({}));
    assert_eq!(status(&mut client), "running");
    assert_eq!(
        client.ask("device_add", json!({"driver": "usb-kbd", "id": "k"})),
        json!({})
    );
    assert_eq!(
        client.ask("device_add", json!({"driver": "usb-kbd", "id": "k"})),
        "Duplicate device ID 'k'"
    );
    assert_eq!(client.ask("device_del", json!({"id": "k"})), json!({}));
    assert_eq!(client.event("DEVICE_DELETED")["device"], "k");
    assert_eq!(
        client.ask("device_del", json!({"id": "k"})),
        "Device 'k' not found"
    );
}

#[test]
fn a_change_that_was_left_out_is_reported_as_the_cause() {
    let (_folder, session) = session(STATUS);
    let mock = Mock::start(&[
        &session,
        "--mode",
        "free-reads",
        "--report",
        "json",
        "{}/report.json",
    ]);
    let mut client = mock.client();
    let refused = client.ask("device_add", json!({"driver": "usb-kbd", "id": "k"}));
    let refused = refused.as_str().unwrap();
    assert!(
        refused.contains("left out: ") && refused.contains("\"execute\":\"cont\""),
        "{refused}"
    );
    client.ask("device_add", json!({"driver": "usb-mouse", "id": "k"}));
    let report = mock.path("report.json");
    let end = Instant::now() + Duration::from_secs(5);
    let report = loop {
        let text = std::fs::read_to_string(&report).unwrap_or_default();
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        if value["report"]["unmatched"]
            .as_array()
            .is_some_and(|all| all.len() == 2)
        {
            break value;
        }
        assert!(Instant::now() < end, "{text}");
        std::thread::sleep(Duration::from_millis(20));
    };
    let second = &report["report"]["unmatched"][1];
    assert_eq!(
        second["differences"][0],
        json!({"member": "driver", "sent": "\"usb-mouse\"", "recorded": "\"usb-kbd\""})
    );
    let (code, text) = mock.end();
    assert_eq!(code, Some(1));
    assert!(
        text.starts_with("left out: ") && text.contains("1 request follow"),
        "{text}"
    );
    assert!(
        text.contains("driver: \"usb-mouse\", recorded: \"usb-kbd\""),
        "{text}"
    );
}

#[test]
fn a_report_is_junit_too() {
    let machine = machine();
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.xml");
    let path = report.to_str().unwrap();
    let mock = Mock::start(&[&machine, "--mode", "free-reads", "--report", "junit", path]);
    let mut client = mock.client();
    client.ask("query-nothing", json!({}));
    assert_eq!(mock.end().0, Some(1));
    let text = std::fs::read_to_string(&report).unwrap();
    assert!(
        text.contains("failures=\"1\"") && text.contains("query-nothing"),
        "{text}"
    );
}
