// SPDX-License-Identifier: GPL-2.0-or-later
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::core::{Backend, Call, Descriptors, Execution, Outcome};
use crate::json::{Object, Value};
use crate::recording::Recording;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn replay(lines: &str, mode: Mode) -> Replay {
    let text = format!("{{\"format\":1}}\n{lines}");
    Replay::new(Recording::from_text("t.qmp", &text, None).unwrap()).mode(mode)
}

fn ask(replay: &mut Replay, command: &str, arguments: serde_json::Value) -> Execution {
    let arguments = match Value::from(arguments) {
        Value::Object(members) => members,
        _ => Object::new(),
    };
    let mut descriptors = Descriptors::default();
    replay.execute(Call {
        command,
        arguments: &arguments,
        descriptors: &mut descriptors,
        now: ms(0),
    })
}

fn text(execution: &Execution) -> String {
    match &execution.outcome {
        Some(Outcome::Text(text) | Outcome::ErrorText(text)) => {
            String::from_utf8_lossy(text).into_owned()
        }
        Some(Outcome::Error(failure)) => failure.desc.clone(),
        Some(Outcome::Value(value)) => serde_json::Value::from(value).to_string(),
        None => "nothing".to_owned(),
    }
}

const STATES: &str = r#"{"request":{"execute":"query-status"},"at":1}
{"reply":{"return":"first"},"at":1}
{"moment":1,"at":2}
{"request":{"execute":"stop"},"at":2}
{"event":{"event":"STOP"},"at":2}
{"reply":{"return":{}},"at":2}
{"request":{"execute":"query-status"},"at":3}
{"reply":{"return":"stopped"},"at":3}
{"request":{"execute":"query-name"},"at":3}
{"reply":{"return":"name"},"at":3}
{"moment":2,"at":4}
{"request":{"execute":"device_del","arguments":{"id":"x"}},"at":4}
{"reply":{"error":{"class":"DeviceNotFound","desc":"no x"}},"at":4}
{"moment":3,"at":5}
{"request":{"execute":"cont"},"at":5}
{"event":{"event":"RESUME"},"at":5}
{"reply":{"return":{}},"at":5}
"#;

#[test]
fn a_failed_change_leaves_the_state() {
    let mut strict = replay(STATES, Mode::Strict);
    assert_eq!(text(&ask(&mut strict, "stop", json!({}))), "{}");
    assert!(text(&ask(&mut strict, "device_del", json!({"id": "x"}))).contains("no x"));
    assert_eq!(
        text(&ask(&mut strict, "query-status", json!({}))),
        "\"stopped\""
    );
    let resumed = ask(&mut strict, "cont", json!({}));
    assert_eq!(resumed.before, ["{\"event\":\"RESUME\"}"]);
    assert!(
        text(&ask(&mut strict, "query-name", json!({})))
            .starts_with("not recorded in t.qmp (moment 3)")
    );
    assert_eq!(strict.leftovers().unmatched.len(), 1);
    assert!(strict.leftovers().moments.is_empty());
}

#[test]
fn a_lenient_replay_looks_around_and_goes_back() {
    let mut lenient = replay(STATES, Mode::Lenient);
    assert_eq!(
        text(&ask(&mut lenient, "query-name", json!({}))),
        "\"name\""
    );
    ask(&mut lenient, "cont", json!({}));
    assert_eq!(
        text(&ask(&mut lenient, "query-status", json!({}))),
        "\"stopped\""
    );
    assert_eq!(
        ask(&mut lenient, "stop", json!({})).before,
        ["{\"event\":\"STOP\"}"]
    );
    assert_eq!(
        text(&ask(&mut lenient, "query-status", json!({}))),
        "\"stopped\""
    );
    assert!(lenient.leftovers().is_empty());
}

#[test]
fn moments_that_are_skipped_are_left_over() {
    let mut strict = replay(STATES, Mode::Strict);
    ask(&mut strict, "cont", json!({}));
    let expected = [
        "t.qmp:5: moment 1: {\"execute\":\"stop\"}",
        "t.qmp:13: moment 2: {\"execute\":\"device_del\",\"arguments\":{\"id\":\"x\"}}",
    ];
    assert_eq!(strict.leftovers().moments, expected);
}

#[test]
fn going_to_the_moment_at_hand_changes_nothing() {
    let mut strict = replay(STATES, Mode::Strict);
    assert!(strict.go_to_moment(1, ms(0)));
    assert_eq!(
        text(&ask(&mut strict, "query-status", json!({}))),
        "\"stopped\""
    );
    assert!(strict.go_to_moment(1, ms(0)));
    assert!(!strict.go_to_moment(9, ms(0)));
}

#[test]
fn answers_come_in_turn_and_the_last_stays() {
    let lines = r#"{"request":{"execute":"query-jobs"},"at":1}
{"reply":{"return":1},"at":1}
{"request":{"execute":"query-jobs"},"at":2}
{"reply":{"return":2},"at":2}
"#;
    let mut strict = replay(lines, Mode::Strict);
    let answers: Vec<_> = (0..4)
        .map(|_| text(&ask(&mut strict, "query-jobs", json!({}))))
        .collect();
    assert_eq!(answers, ["1", "2", "2", "2"]);
}

#[test]
fn a_change_from_outside_is_followed() {
    let lines = r#"{"request":{"execute":"query-name"},"at":1}
{"reply":{"return":1},"at":1}
{"moment":1,"at":2}
{"event":{"event":"E"},"at":2}
{"request":{"execute":"query-block"},"at":3}
{"reply":{"return":2},"at":3}
"#;
    let mut strict = replay(lines, Mode::Strict);
    let found = ask(&mut strict, "query-block", json!({}));
    assert_eq!((text(&found).as_str(), found.before.len()), ("2", 1));
}

const JOB: &str = r#"{"moment":1,"at":10}
{"request":{"execute":"blockdev-create","arguments":{"job-id":"j0","options":{"filename":"/tmp/a"}}},"at":10}
{"event":{"event":"JOB","data":{"id":"j0","status":"created"}},"at":10}
{"reply":{"return":{}},"at":10}
{"request":{"execute":"query-jobs"},"at":15}
{"reply":{"return":[{"id":"j0","file":"/tmp/a"}]},"at":15}
{"event":{"event":"JOB","data":{"id":"j0","status":"concluded"}},"at":2010}
{"moment":2,"at":2020}
{"request":{"execute":"job-dismiss","arguments":{"id":"j0"}},"at":2020}
{"reply":{"return":{}},"at":2020}
"#;

#[test]
fn names_that_the_client_chose_are_used() {
    let mut strict = replay(JOB, Mode::Strict);
    let chosen = json!({"job-id": "mine", "options": {"filename": "/tmp/b"}});
    let created = ask(&mut strict, "blockdev-create", chosen);
    assert_eq!(
        created.before,
        [r#"{"event":"JOB","data":{"id":"mine","status":"created"}}"#]
    );
    let jobs = text(&ask(&mut strict, "query-jobs", json!({})));
    assert_eq!(jobs, r#"[{"id": "mine", "file": "/tmp/b"}]"#);
    assert_eq!(
        text(&ask(&mut strict, "job-dismiss", json!({"id": "mine"}))),
        "{}"
    );
    assert!(strict.leftovers().is_empty(), "{}", strict.leftovers());
}

/// What had two names when it was recorded may have one here.
#[test]
fn one_name_for_two_things_is_read_as_either() {
    let lines = r#"{"moment":1,"at":10}
{"request":{"execute":"blockdev-create","arguments":{"job-id":"a","options":{}}},"at":10}
{"reply":{"return":{}},"at":10}
{"moment":2,"at":20}
{"request":{"execute":"blockdev-backup","arguments":{"job-id":"b","device":"d"}},"at":20}
{"reply":{"return":{}},"at":20}
{"moment":3,"at":30}
{"request":{"execute":"job-cancel","arguments":{"id":"a"}},"at":30}
{"reply":{"return":{}},"at":30}
{"moment":4,"at":40}
{"request":{"execute":"job-dismiss","arguments":{"id":"b"}},"at":40}
{"reply":{"return":{}},"at":40}
"#;
    let mut strict = replay(lines, Mode::Strict);
    for (command, arguments) in [
        ("blockdev-create", json!({"job-id": "x", "options": {}})),
        ("blockdev-backup", json!({"job-id": "x", "device": "d"})),
        ("job-cancel", json!({"id": "x"})),
        ("job-dismiss", json!({"id": "x"})),
    ] {
        assert_eq!(text(&ask(&mut strict, command, arguments)), "{}");
    }
}

#[test]
fn events_come_by_time_where_nobody_asks() {
    let mut prompt = replay(JOB, Mode::Strict);
    prompt.attached(ms(0));
    let chosen = json!({"job-id": "j0", "options": {"filename": "/tmp/a"}});
    ask(&mut prompt, "blockdev-create", chosen.clone());
    assert_eq!(prompt.deadline(), Some(ms(100)));
    assert_eq!(prompt.due(ms(99)), Vec::<String>::new());
    assert_eq!(prompt.due(ms(100)).len(), 1);
    assert_eq!(prompt.deadline(), None);

    let mut recorded = replay(JOB, Mode::Strict).timing(Timing::Recorded);
    recorded.attached(ms(0));
    ask(&mut recorded, "blockdev-create", chosen);
    assert_eq!(recorded.deadline(), Some(ms(2000)));
}

#[test]
fn what_was_still_to_come_comes_before_the_next_change() {
    let mut prompt = replay(JOB, Mode::Strict);
    prompt.attached(ms(0));
    ask(
        &mut prompt,
        "blockdev-create",
        json!({"job-id": "j0", "options": {"filename": "/tmp/a"}}),
    );
    let dismissed = ask(&mut prompt, "job-dismiss", json!({"id": "j0"}));
    assert!(
        dismissed.before[0].contains("concluded"),
        "{:?}",
        dismissed.before
    );
}

#[test]
fn scrubbed_secrets_match_anything() {
    let lines = r#"{"request":{"execute":"set_password","arguments":{"protocol":"vnc","password":"(scrubbed)"}},"at":1}
{"reply":{"return":{}},"at":1}
"#;
    let mut strict = replay(lines, Mode::Strict);
    let sent = json!({"protocol": "vnc", "password": "whatever"});
    assert_eq!(text(&ask(&mut strict, "set_password", sent)), "{}");
}

#[test]
fn quit_needs_no_recording_and_a_recorded_end_ends() {
    let mut strict = replay("", Mode::Strict);
    let quit = ask(&mut strict, "quit", json!({}));
    assert!(quit.quits && quit.before[0].contains("host-qmp-quit"));
    let lines = "{\"request\":{\"execute\":\"system_powerdown\"},\"at\":1}\n{\"reply\":{\"return\":{}},\"at\":1}\n{\"closed\":true,\"at\":2}\n";
    assert!(
        ask(
            &mut replay(lines, Mode::Strict),
            "system_powerdown",
            json!({})
        )
        .quits
    );
}

#[test]
fn the_schema_refuses_before_the_recording_does() {
    let schema = r#"[{"name":"eject","meta-type":"command","arg-type":"1"},
        {"name":"1","meta-type":"object","members":[{"name":"id","type":"str"}]},
        {"name":"str","meta-type":"builtin","json-type":"string"}]"#;
    let recording = Recording::from_text("t.qmp", "{\"format\":1}\n", Some(schema)).unwrap();
    let mut strict = Replay::new(recording).mode(Mode::Strict);
    assert_eq!(strict.command("foo"), None);
    assert_eq!(
        text(&ask(&mut strict, "eject", json!({"id": 1}))),
        "Invalid parameter type for 'id', expected: string"
    );
    let unmatched = strict.leftovers().unmatched;
    assert_eq!(unmatched[0].problem, "this QEMU has no such command");
    assert_eq!(
        unmatched[1].problem,
        "Invalid parameter type for 'id', expected: string"
    );
}

#[test]
fn reads_that_pause_the_machine_tell_so_each_time() {
    let lines = r#"{"request":{"execute":"dump-guest-memory","arguments":{"paging":false,"protocol":"fd:x"}},"at":1}
{"event":{"event":"STOP"},"at":1}
{"event":{"event":"RESUME"},"at":1}
{"reply":{"return":{}},"at":1}
"#;
    let mut strict = replay(lines, Mode::Strict);
    for name in ["fd:a", "fd:b"] {
        let dumped = ask(
            &mut strict,
            "dump-guest-memory",
            json!({"paging": false, "protocol": name}),
        );
        assert_eq!(
            dumped.before,
            ["{\"event\":\"STOP\"}", "{\"event\":\"RESUME\"}"]
        );
    }
}

/// The built-in monitor's answer stands in for what nobody asked over QMP, at the moment at hand.
#[test]
fn a_lenient_replay_knows_what_the_built_in_answered() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.qmp");
    std::fs::write(&file, format!("{{\"format\":1}}\n{STATES}")).unwrap();
    let typed = [
        (0, "info a", "first\n"),
        (1, "info a", "second\nline\n"),
        (1, "stop", ""),
        (3, "info b", "later\n"),
    ];
    let typed = typed.map(|(moment, line, answer)| {
        json!({"moment": moment, "line": line, "answer": answer}).to_string()
    });
    std::fs::write(file.with_extension("hmp"), typed.join("\n")).unwrap();
    let load = |mode| Replay::new(Recording::load(&file).unwrap()).mode(mode);
    let line = |line: &str| json!({"command-line": line});
    let mut lenient = load(Mode::Lenient);
    let mut answer = |text_of| text(&ask(&mut lenient, "human-monitor-command", line(text_of)));
    assert_eq!(answer("info  a"), r#""first\r\n""#);
    assert_eq!(answer("info b"), r#""later\r\n""#);
    assert_eq!(
        answer("info"),
        r#""info a -- of this recording\r\ninfo b -- of this recording\r\n""#
    );
    assert_eq!(answer("help"), r#""stop -- of this recording\r\n""#);
    for unknown in ["info c", "stop"] {
        let desc = answer(unknown);
        assert!(
            desc.starts_with("human-monitor-command was not recorded in "),
            "{desc}"
        );
    }
    let mut own = load(Mode::Lenient).without_help();
    let helped = text(&ask(&mut own, "human-monitor-command", line("help")));
    assert!(helped.contains("was not recorded in"), "{helped}");
    ask(&mut lenient, "stop", json!({}));
    assert_eq!(
        text(&ask(&mut lenient, "human-monitor-command", line("info a"))),
        r#""second\r\nline\r\n""#
    );
    let mut strict = load(Mode::Strict);
    assert!(
        text(&ask(&mut strict, "human-monitor-command", line("info a")))
            .starts_with("not recorded in ")
    );
}
