// SPDX-License-Identifier: GPL-2.0-or-later
//! `--script`.

use rstest::rstest;
use serde_json::json;

use crate::mock::{Mock, machine, run};

const SCRIPT: &str = r#"
machine = "{machine}"
states = { mode = "good" }

[[rule]]
command = "device_del"
arguments = { id = "nic${number}" }
return = {}
after = [{ event = "DEVICE_DELETED", data = { device = "nic${number}", path = "/nic" }, after-ms = 20 }]

[[rule]]
command = "query-name"
when = { mode = "good" }
times = 2
return = { name = "vm" }

[[rule]]
command = "query-name"
error = { class = "DeviceNotFound", desc = "no name since ${number}" }

[[rule]]
command = "system_reset"
return = {}
set = { mode = "bad" }
fault = "duplicate"
"#;

fn script() -> String {
    SCRIPT.replace("{machine}", &machine())
}

#[test]
fn a_script_answers_alone() {
    let mock = Mock::scripted(&script(), &[]);
    let mut client = mock.client();
    assert_eq!(client.ask("query-name", json!({})), json!({"name": "vm"}));
    assert_eq!(client.ask("device_del", json!({"id": "nic7"})), json!({}));
    assert_eq!(client.event("DEVICE_DELETED")["device"], "nic7");
    client.ask("system_reset", json!({}));
    assert_eq!(client.line()["return"], json!({}), "the same reply again");
    assert_eq!(client.ask("query-name", json!({})), "no name since 7");
    assert_eq!(
        client.ask("device_del", json!({"id": 7})),
        "Invalid parameter type for 'id', expected: string",
        "the schema checks requests"
    );
    let unknown = client.ask("query-nothing", json!({}));
    assert_eq!(unknown, "The command query-nothing has not been found");
    assert!(
        client
            .ask("query-commands", json!({}))
            .as_array()
            .unwrap()
            .len()
            > 100
    );
}

#[test]
fn a_script_is_in_front_of_a_recording() {
    let script =
        "[[rule]]\ncommand = \"query-status\"\nreturn = { status = \"debug\" }\ntimes = 1\n";
    let machine = machine();
    let mock = Mock::scripted(script, &[&machine]);
    let mut client = mock.client();
    let statuses = [(); 2].map(|()| client.ask("query-status", json!({}))["status"].take());
    assert_eq!(statuses, ["debug", "prelaunch"]);
}

#[test]
fn a_command_that_the_recorded_qemu_has_not() {
    let script = "[[rule]]\ncommand = \"query-nothing\"\nreturn = { ok = 1 }\n";
    let machine = machine();
    for mode in ["free-reads", "strict"] {
        let mock = Mock::scripted(script, &[&machine, "--mode", mode]);
        let mut client = mock.client();
        assert_eq!(client.ask("query-nothing", json!({})), json!({"ok": 1}));
        let unknown = client.ask("query-other", json!({}));
        assert_eq!(unknown, "The command query-other has not been found");
        drop(client);
        let (_, text) = mock.end();
        assert!(!text.contains("query-nothing"), "{text}");
        assert!(text.contains("query-other"), "{text}");
    }
}

#[test]
fn events_behind_a_reply_that_takes_its_time() {
    let script = r#"
version = "10.0.0"
[[rule]]
command = "stop"
delay-ms = 200
return = {}
after = [{ event = "RESUME", after-ms = 50 }, { event = "STOP" }]
"#;
    let mock = Mock::scripted(script, &[]);
    let mut client = mock.client();
    client.send(&json!({"execute": "stop"}));
    let lines = [(); 3].map(|()| client.line());
    assert_eq!(lines[0]["return"], json!({}));
    assert_eq!([&lines[1]["event"], &lines[2]["event"]], ["STOP", "RESUME"]);
    let time = |line: &serde_json::Value| {
        let time = &line["timestamp"];
        time["seconds"].as_f64().unwrap() + time["microseconds"].as_f64().unwrap() / 1e6
    };
    assert!(time(&lines[2]) - time(&lines[1]) > 0.03, "{lines:?}");
}

#[rstest]
#[case("[[rule]]\n", "missing field `command`")]
#[case(
    "[[rule]]\ncommand = \"x\"\nreturn = 1\nsilence = true\n",
    "rule 1 (x): one of"
)]
#[case("[[rule]]\ncommand = \"x\"\nfault = \"y\"\n", "'y' is not a fault")]
#[case("ignore = [\"x\"]\n", "'x' is not COMMAND.MEMBER")]
#[case("x = 1\n", "unknown field `x`")]
#[case("version = \"x\"\n", "'x' is not MAJOR.MINOR.MICRO")]
#[case("map = { a = \"/b\" }\n", "'a' and '/b' are to begin with")]
#[case("events = [{ event = \"E\", data = 3 }]\n", "invalid type: integer")]
#[case(
    "[[rule]]\ncommand = \"x\"\ntimes = 0\n",
    "rule 1 (x): with `times = 0`"
)]
fn a_script_that_is_none_is_refused(#[case] script: &str, #[case] expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mock.toml");
    std::fs::write(&path, script).unwrap();
    let output = run(&[
        "serve",
        "--script",
        path.to_str().unwrap(),
        "--listen",
        "unix:/nowhere/q",
    ]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.contains(expected) && text.contains("mock.toml"),
        "{text}"
    );
}

#[test]
fn the_state_follows_what_a_rule_answers() {
    let script =
        "[[rule]]\ncommand = \"device_add\"\narguments = { driver = \"x-mine\" }\nreturn = {}\n";
    let mock = Mock::scripted(script, &[&machine()]);
    let mut client = mock.client();
    let id = json!({"id": "kbd1"});
    assert_eq!(
        client.ask("device_del", id.clone()),
        "Device 'kbd1' not found"
    );
    let add = json!({"driver": "x-mine", "id": "kbd1"});
    assert_eq!(client.ask("device_add", add), json!({}));
    assert_eq!(client.ask("device_del", id), json!({}));
    assert_eq!(client.event("DEVICE_DELETED")["device"], "kbd1");
}
