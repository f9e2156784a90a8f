// SPDX-License-Identifier: GPL-2.0-or-later
//! The mock on its sockets.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;

use mock_qmp::{Answer, Files, MockQmp, Mode, Recording};
use serde_json::{Value, json};

/// A plain blocking client.
struct Client {
    reader: BufReader<UnixStream>,
}

impl Client {
    fn new(stream: UnixStream) -> Self {
        stream
            .set_read_timeout(Some(std::time::Duration::from_secs(5)))
            .unwrap();
        Self {
            reader: BufReader::new(stream),
        }
    }

    fn negotiated(stream: UnixStream) -> Self {
        let mut client = Self::new(stream);
        assert!(client.line()["QMP"].is_object());
        assert_eq!(
            client.ask(json!({"execute": "qmp_capabilities"})),
            json!({"return": {}})
        );
        client
    }

    fn send(&mut self, request: &Value) {
        self.reader
            .get_mut()
            .write_all(request.to_string().as_bytes())
            .unwrap();
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or(Value::Null)
    }

    fn ask(&mut self, request: Value) -> Value {
        self.send(&request);
        self.line()
    }
}

const SESSION: &str = r#"{"format":1,"topic":"main"}
{"greeting":{"version":{"qemu":{"micro":2,"minor":0,"major":10},"package":"test"},"capabilities":["oob"]},"at":0}
{"request":{"execute":"qmp_capabilities"},"at":1}
{"reply":{"return":{}},"at":1}
{"request":{"execute":"query-status"},"at":2}
{"reply":{"return":{"status":"running","running":true}},"at":2}
{"moment":1,"at":3}
{"request":{"execute":"stop"},"at":3}
{"event":{"timestamp":{"seconds":1,"microseconds":2},"event":"STOP"},"at":3}
{"reply":{"return":{}},"at":3}
{"request":{"execute":"query-status"},"at":4}
{"reply":{"return":{"status":"paused","running":false}},"at":4}
{"request":{"execute":"memsave","arguments":{"val":0,"size":4,"filename":"/tmp/recorded"}},"at":5}
{"wrote":{"to":"/tmp/recorded","data":[{"text":"abcd"}]},"at":5}
{"reply":{"return":{}},"at":5}
"#;

fn recording() -> Recording {
    Recording::from_text("main.qmp", SESSION, None).unwrap()
}

#[test]
fn a_session_is_replayed() {
    let (server, stream) = MockQmp::from_recording(recording())
        .mode(Mode::Strict)
        .files(Files::Real)
        .serve_pair()
        .unwrap();
    let mut client = Client::negotiated(stream);
    let status = |text: &str, running: bool| json!({"return": {"status": text, "running": running}, "id": 7});
    for _ in 0..3 {
        let reply = client.ask(json!({"execute": "query-status", "id": 7}));
        assert_eq!(reply, status("running", true));
    }
    assert_eq!(client.ask(json!({"execute": "stop"}))["event"], "STOP");
    assert_eq!(client.line(), json!({"return": {}}));
    assert_eq!(
        client.ask(json!({"execute": "query-status", "id": 7})),
        status("paused", false)
    );
    let file = tempfile::NamedTempFile::new_in("/tmp").unwrap();
    let arguments = json!({"val": 0, "size": 4, "filename": file.path()});
    assert_eq!(
        client.ask(json!({"execute": "memsave", "arguments": arguments})),
        json!({"return": {}})
    );
    assert_eq!(std::fs::read(file.path()).unwrap(), b"abcd");
    server.finish().unwrap();
}

#[test]
fn files_of_the_recorded_machine_get_a_folder_here() {
    let here = tempfile::tempdir().unwrap();
    let session = SESSION.replace("/tmp/recorded", "/nosuch/vm/saved");
    let recording = Recording::from_text("main.qmp", &session, None).unwrap();
    let (server, stream) = MockQmp::from_recording(recording)
        .folder("/nosuch/vm", here.path())
        .serve_pair()
        .unwrap();
    let mut client = Client::negotiated(stream);
    let arguments = json!({"val": 0, "size": 4, "filename": "/nosuch/vm/saved"});
    assert_eq!(
        client.ask(json!({"execute": "memsave", "arguments": arguments})),
        json!({"return": {}})
    );
    let saved = std::fs::read(here.path().join("saved")).unwrap();
    assert_eq!(saved, b"abcd");
    server.finish().unwrap();
}

#[test]
fn what_is_missing_is_named() {
    let (server, stream) = MockQmp::from_recording(recording())
        .mode(Mode::Strict)
        .serve_pair()
        .unwrap();
    let mut client = Client::negotiated(stream);
    let reply = client.ask(json!({"execute": "query-stats"}));
    let desc = reply["error"]["desc"].as_str().unwrap();
    assert!(
        desc.contains("not recorded in main.qmp (moment 0)") && desc.contains("main.qmp:5: "),
        "{desc}"
    );
    let leftovers = server.finish().unwrap_err();
    assert_eq!(leftovers.unmatched.len(), 1);
    assert_eq!(
        leftovers.moments,
        ["main.qmp:8: moment 1: {\"execute\":\"stop\"}"]
    );
}

#[test]
fn two_monitors_see_the_same_machine() {
    let (server, stream) = MockQmp::from_recording(recording()).serve_pair().unwrap();
    let mut one = Client::negotiated(stream);
    let mut fresh = Client::new(server.open_monitor().unwrap());
    assert!(fresh.line()["QMP"].is_object());
    let mut other = Client::negotiated(server.open_monitor().unwrap());
    assert_eq!(one.ask(json!({"execute": "stop"}))["event"], "STOP");
    assert_eq!(other.line()["event"], "STOP");
    assert_eq!(
        other.ask(json!({"execute": "query-status"}))["return"]["status"],
        "paused"
    );
    let refused = fresh.ask(json!({"execute": "query-status"}));
    assert_eq!(
        refused["error"]["desc"],
        "Expecting capabilities negotiation with 'qmp_capabilities'"
    );
}

#[test]
fn quit_ends_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q");
    let server = MockQmp::from_recording(recording())
        .serve_unix(&path)
        .unwrap();
    let mut client = Client::negotiated(UnixStream::connect(&path).unwrap());
    let event = client.ask(json!({"execute": "quit", "id": 1}));
    assert_eq!(
        (&event["event"], &event["data"]["reason"]),
        (&json!("SHUTDOWN"), &json!("host-qmp-quit"))
    );
    assert_eq!(client.line(), json!({"return": {}, "id": 1}));
    assert_eq!(client.line(), Value::Null);
    drop(server);
    assert!(!path.exists());
}

#[test]
fn a_script_answers_in_front_of_a_recording() {
    let mock = MockQmp::from_recording(recording())
        .command("x-query-network", json!({"human-readable-text": "hub 0\n"}))
        .command(
            "query-status",
            Answer::error("GenericError", "no").event_before(&json!({"event": "E"})),
        );
    let (_server, stream) = mock.serve_pair().unwrap();
    let mut client = Client::negotiated(stream);
    let reply = client.ask(json!({"execute": "x-query-network"}));
    assert_eq!(reply["return"]["human-readable-text"], "hub 0\n");
    assert_eq!(
        client.ask(json!({"execute": "query-status"})),
        json!({"event": "E"})
    );
    assert_eq!(client.line()["error"]["desc"], "no");
    assert_eq!(client.ask(json!({"execute": "stop"}))["event"], "STOP");
}

#[tokio::test]
async fn it_runs_in_the_callers_runtime() {
    use tokio::io::AsyncReadExt as _;
    let (server, mut client) = MockQmp::scripted()
        .version("7.2.1")
        .serve_in_memory()
        .unwrap();
    let mut buffer = [0; 200];
    let count = client.read(&mut buffer).await.unwrap();
    let greeting = r#"{"QMP": {"version": {"qemu": {"micro": 1, "minor": 2, "major": 7}, "package": ""}, "capabilities": ["oob"]}}"#;
    assert_eq!(
        std::str::from_utf8(&buffer[..count]).unwrap(),
        format!("{greeting}\r\n")
    );
    server.finish().unwrap();
}

#[test]
fn a_reply_that_comes_late_goes_to_the_next_client() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q");
    let slow = Answer::from(json!("late")).delay(std::time::Duration::from_millis(400));
    let _server = MockQmp::scripted()
        .command("slow", slow)
        .serve_unix(&path)
        .unwrap();
    let mut first = Client::negotiated(UnixStream::connect(&path).unwrap());
    first.send(&json!({"execute": "slow", "id": "first"}));
    std::thread::sleep(std::time::Duration::from_millis(100));
    drop(first);
    let mut second = Client::new(UnixStream::connect(&path).unwrap());
    assert!(second.line()["QMP"].is_object());
    second.send(&json!({"execute": "qmp_capabilities", "id": 2}));
    assert_eq!(second.line(), json!({"return": "late", "id": "first"}));
    assert_eq!(second.line(), json!({"return": {}, "id": 2}));
}

#[test]
fn one_client_is_served_and_others_wait() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q");
    let _server = MockQmp::scripted().serve_unix(&path).unwrap();
    let first = Client::negotiated(UnixStream::connect(&path).unwrap());
    let waiting = UnixStream::connect(&path).unwrap();
    waiting
        .set_read_timeout(Some(std::time::Duration::from_millis(100)))
        .unwrap();
    let mut client = Client {
        reader: BufReader::new(waiting),
    };
    client.send(&json!({"execute": "qmp_capabilities", "id": 7}));
    assert!(
        client.reader.fill_buf().is_err(),
        "a waiting client was greeted"
    );
    drop(first);
    client
        .reader
        .get_ref()
        .set_read_timeout(Some(std::time::Duration::from_secs(5)))
        .unwrap();
    assert!(client.line()["QMP"].is_object());
    assert_eq!(client.line(), json!({"return": {}, "id": 7}));
}

#[test]
fn tcp_and_pretty_monitors() {
    use std::io::Read as _;
    let server = MockQmp::scripted()
        .pretty(true)
        .serve_tcp("127.0.0.1:0")
        .unwrap();
    let place = server.address().to_string().replace("tcp:", "");
    let mut stream = std::net::TcpStream::connect(place).unwrap();
    stream
        .write_all(b"{\"execute\":\"qmp_capabilities\",\"id\":1}{\"execute\":\"quit\"}")
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(
        text.starts_with("{\r\n    \"QMP\": {\r\n        \"version\""),
        "{text}"
    );
    assert!(
        text.contains("{\r\n    \"return\": {\r\n    },\r\n    \"id\": 1\r\n}\r\n"),
        "{text}"
    );
}
