// SPDX-License-Identifier: GPL-2.0-or-later
//! `--control`.

use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::mock::{Mock, machine};

#[test]
fn the_control_socket_does_what_it_is_told() {
    let machine = machine();
    let mock = Mock::start(&[
        &machine,
        "--mode",
        "free-reads",
        "--control",
        "unix:{}/control",
    ]);
    let mut control = mock.connect("control");
    let mut client = mock.client();
    let pushed = json!({"do": "event", "event": "STOP"});
    assert_eq!(control.order(pushed), json!({"ok": true}));
    client.event("STOP");
    assert_eq!(client.ask("query-status", json!({}))["status"], "paused");
    let rule = json!({"do": "rule", "rule": {"command": "query-name", "return": {"name": "x"}}});
    let added = control.order(rule);
    assert_eq!(client.ask("query-name", json!({})), json!({"name": "x"}));
    assert_eq!(
        control.order(json!({"do": "remove", "rule": added["rule"]}))["ok"],
        true
    );
    assert_eq!(
        client.ask("query-name", json!({})),
        json!({"name": "parity-q35"})
    );
    assert_eq!(
        control.order(json!({"do": "fault", "fault": "error,command=query-kvm"}))["ok"],
        true
    );
    assert!(client.ask("query-kvm", json!({})).is_string());
    let seen = control.order(json!({"do": "wait", "command": "query-kvm"}));
    assert_eq!(seen["request"]["command"], "query-kvm");
    let missing = control.order(json!({"do": "wait", "command": "quit", "timeout-ms": 20}));
    assert_eq!(
        missing,
        json!({"ok": false, "error": "no quit came within 20 ms"})
    );
    assert_eq!(
        control.order(json!({"do": "moment", "moment": 1}))["ok"],
        true
    );
    assert_eq!(
        control.order(json!({"do": "moment", "moment": 999_999}))["ok"],
        false
    );
    client.ask("query-nothing", json!({}));
    let report = control.order(json!({"do": "report"}));
    assert_eq!(
        (
            &report["clean"],
            report["report"]["unmatched"].as_array().unwrap().len()
        ),
        (&json!(false), 1)
    );
    for broken in [
        json!(1),
        json!({"do": "dance"}),
        json!({"do": "rule", "rule": {}}),
        json!({"do": "reset", "x": 1}),
        json!({"do": "set", "states": []}),
        json!({"do": "event", "event": "E", "data": 3}),
    ] {
        assert_eq!(control.order(broken)["ok"], false);
    }
    assert_eq!(control.order(json!({"do": "reset"}))["ok"], true);
    let mut again = mock.client();
    assert_eq!(again.ask("query-status", json!({}))["status"], "prelaunch");
    assert_eq!(
        control.order(json!({"do": "requests"}))["requests"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(control.order(json!({"do": "quit"}))["ok"], true);
    again.event("SHUTDOWN");
    assert_eq!(mock.end(), (Some(0), String::new()));
}

#[test]
fn the_control_socket_is_its_owners() {
    use std::os::unix::fs::PermissionsExt as _;
    let machine = machine();
    let mock = Mock::start(&[&machine, "--control", "unix:{}/control"]);
    let mode = std::fs::metadata(mock.path("control"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// After `quit` it is as where a QEMU was, until somebody starts it again, or nobody can.
#[test]
fn a_machine_that_has_ended_is_started_again_by_whoever_controls_it() {
    let machine = machine();
    let second = "unix:{}/second";
    let options = ["--control", "unix:{}/control", "--listen", second];
    let mock = Mock::start(&[&[machine.as_str()], &options[..]].concat());
    let mut control = mock.connect("control");
    for _ in 0..3 {
        let mut client = mock.client();
        client.ask("cont", json!({}));
        assert_eq!(client.ask("quit", json!({})), json!({}));
        assert!(client.line().is_null());
        assert_eq!(control.order(json!({"do": "report"}))["clean"], true);
        for name in ["qmp", "second"] {
            let end = Instant::now() + Duration::from_secs(5);
            while UnixStream::connect(mock.path(name)).is_ok() {
                assert!(Instant::now() < end, "{name} is still there");
            }
        }
        assert_eq!(control.order(json!({"do": "reset"})), json!({"ok": true}));
        let mut again = mock.client();
        assert_eq!(again.ask("query-status", json!({}))["status"], "prelaunch");
    }
    mock.client().ask("quit", json!({}));
    assert_eq!(control.order(json!({"do": "report"}))["ok"], true);
    drop(control);
    assert_eq!(mock.wait(), Some(0), "nobody is left who could");
}
