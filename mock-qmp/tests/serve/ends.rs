// SPDX-License-Identifier: GPL-2.0-or-later
//! The time of events, and how a machine ends and starts again.

use std::io::{Read as _, Write as _};

use serde_json::json;

use crate::mock::{Mock, STATUS, session};

#[test]
fn events_carry_the_time_of_now() {
    let (_folder, session) = session(STATUS);
    for (choice, old) in [("now", false), ("recorded", true)] {
        let mock = Mock::start(&[&session, "--timestamps", choice]);
        let mut client = mock.client();
        client.send(&json!({"execute": "cont"}));
        assert_eq!(client.line()["timestamp"]["seconds"] == 1, old);
    }
}

#[test]
fn a_machine_starts_again_if_that_is_asked_for() {
    let (_folder, session) = session(STATUS);
    let mock = Mock::start(&[&session, "--repeat", "--mode", "free-reads"]);
    for _ in 0..3 {
        let mut client = mock.client();
        assert_eq!(client.ask("query-status", json!({}))["status"], "prelaunch");
        client.ask("cont", json!({}));
        assert_eq!(client.ask("quit", json!({})), json!({}));
        assert!(client.line().is_null());
    }
    assert_eq!(mock.end(), (Some(0), String::new()));
}

#[test]
fn input_behind_quit_resets_the_connection() {
    let (_folder, session) = session(STATUS);
    let mock = Mock::start(&[&session]);
    let mut client = mock.client();
    let stream = client.0.get_mut();
    stream
        .write_all(b"{\"execute\":\"quit\"}{\"execute\":\"query-status\"}")
        .unwrap();
    let mut rest = Vec::new();
    let error = client.0.read_to_end(&mut rest).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(
        String::from_utf8_lossy(&rest).contains("SHUTDOWN"),
        "what came before is there"
    );
}
