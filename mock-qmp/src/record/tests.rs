// SPDX-License-Identifier: GPL-2.0-or-later
use std::io::Write as _;

use super::*;
use crate::recording::{Machine, Recording};

/// Records what these say to each other: the client's lines begin with `>`.
fn record(conversation: &[&str]) -> (tempfile::TempDir, Recording, String) {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("x");
    let mut recorder = Recorder::create(&folder, Machine::example(), "main").unwrap();
    for line in conversation {
        match line.strip_prefix('>') {
            Some(request) => recorder.client_sent(request.as_bytes(), Vec::new()),
            None => recorder.qemu_sent(line.as_bytes()),
        }
    }
    recorder.finish().unwrap();
    let text = std::fs::read_to_string(folder.join("main.qmp")).unwrap();
    let recording = Recording::load(&folder).unwrap();
    (root, recording, text)
}

const GREETING: &str = r#"{"QMP": {"version": {"qemu": {"micro": 3, "minor": 1, "major": 11}, "package": "p"}, "capabilities": []}}"#;

#[test]
fn the_version_comes_from_the_greeting() {
    let (_root, recording, _) = record(&[GREETING]);
    assert_eq!(recording.version().to_string(), "11.1.3");
    assert_eq!(recording.machine().unwrap().qemu.package, "p");
}

#[test]
fn pipelined_and_out_of_band_replies_find_their_requests() {
    let (_root, recording, _) = record(&[
        r#">{"execute":"a","id":1}{"execute":"b","id":2}{"exec-oob":"c","id":3}"#,
        r#"{"return": "c", "id": 3}"#,
        r#"{"return": "a", "id": 1}"#,
        r#"{"return": "b", "id": 2}"#,
    ]);
    let topic = recording.topic();
    let answers: Vec<_> = topic
        .entries()
        .iter()
        .map(|entry| (entry.command.as_str(), topic.returned(entry)))
        .collect();
    let expected = [
        ("a", Some("\"a\"")),
        ("c", Some("\"c\"")),
        ("b", Some("\"b\"")),
    ];
    assert_eq!(answers, expected);
}

#[test]
fn changes_begin_moments_and_secrets_stay_out() {
    let (_root, recording, text) = record(&[
        r#">{"execute":"query-status"}"#,
        r#"{"return": {}}"#,
        r#">{"execute":"set_password","arguments":{"protocol":"vnc","password":"geheim"},"id":"x"}"#,
        r#"{"return": {}, "id": "x"}"#,
    ]);
    assert!(!text.contains("geheim"), "{text}");
    let moments: Vec<_> = recording
        .topic()
        .entries()
        .iter()
        .map(|entry| entry.moment)
        .collect();
    assert_eq!(moments, [0, 1]);
}

#[test]
fn input_that_is_no_request_is_left_out_with_its_answer() {
    let (_root, recording, text) = record(&[
        r#">{"execute":}{"execute":"a","foo":1}{"execute":"b"}"#,
        r#"{"error": {"class": "GenericError", "desc": "JSON parse error"}}"#,
        r#"{"error": {"class": "GenericError", "desc": "unexpected"}}"#,
        r#"{"return": "b"}"#,
    ]);
    let topic = recording.topic();
    assert_eq!(topic.entries().len(), 1);
    assert_eq!(topic.returned(&topic.entries()[0]), Some("\"b\""));
    assert_eq!(text.matches("\"note\"").count(), 2, "{text}");
}

#[test]
fn the_schema_is_stored_once_and_large_writes_are_captured() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("x");
    let mut recorder = Recorder::create(&folder, Machine::example(), "main").unwrap();
    recorder.client_sent(b"{\"execute\":\"query-qmp-schema\"}", Vec::new());
    recorder.qemu_sent(b"{\"return\": [{\"name\": \"x\"}]}");
    let mut file = tempfile::tempfile().unwrap();
    recorder.client_sent(
        b"{\"execute\":\"add-fd\"}",
        vec![file.try_clone().unwrap().into()],
    );
    recorder.qemu_sent(b"{\"return\": {\"fd\": 12, \"fdset-id\": 0}}");
    let arguments = "{\"val\":0,\"size\":4096,\"filename\":\"/proc/self/fd/12\"}";
    recorder.client_sent(
        format!("{{\"execute\":\"memsave\",\"arguments\":{arguments}}}").as_bytes(),
        Vec::new(),
    );
    file.write_all(&[0; 4096]).unwrap();
    recorder.qemu_sent(b"{\"return\": {}}");
    recorder.client_sent(
        format!("{{\"execute\":\"memsave\",\"arguments\":{arguments}}}").as_bytes(),
        Vec::new(),
    );
    file.set_len(0).unwrap();
    recorder.qemu_sent(b"{\"error\": {\"class\": \"GenericError\", \"desc\": \"Invalid addr\"}}");
    recorder.builtin("info status", "VM status: running\r\n");
    recorder.finish().unwrap();
    let text = std::fs::read_to_string(folder.join("main.qmp")).unwrap();
    assert!(
        text.contains(r#"{"wrote":{"to":"/proc/self/fd/12","data":[{"zeros":4096}]}"#),
        "{text}"
    );
    let recording = Recording::load(&folder).unwrap();
    assert_eq!(recording.schema(), Some("[\n{\"name\":\"x\"}\n]\n"));
    let wrote = |number: usize| recording.topic().entries()[number].wrote[0].data.len();
    assert_eq!((wrote(2), wrote(3)), (4096, 0));
    assert_eq!(recording.builtin()[0].answer, "VM status: running\n");
}

#[tokio::test]
async fn what_the_proxy_records_plays_back() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use crate::{Answer, MockQmp, Mode};
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("x");
    let recorder = Proxy::new(Recorder::create(&folder, Machine::example(), "main").unwrap());
    let stop =
        Answer::from(serde_json::json!({})).event_before(&serde_json::json!({"event": "STOP"}));
    let (_qemu, monitor) = MockQmp::scripted()
        .command("stop", stop)
        .serve_pair()
        .unwrap();
    let (client, server) = std::os::unix::net::UnixStream::pair().unwrap();
    let shared = recorder.clone();
    let passing = tokio::spawn(async move { proxy(server, monitor, &shared).await });
    client.set_nonblocking(true).unwrap();
    let mut client = tokio::net::UnixStream::from_std(client).unwrap();
    client
        .write_all(
            b"{\"execute\":\"qmp_capabilities\"}{\"execute\":\"stop\"}{\"execute\":\"quit\"}",
        )
        .await
        .unwrap();
    let mut original = String::new();
    client.read_to_string(&mut original).await.unwrap();
    passing.await.unwrap().unwrap();
    recorder.recorder().finish().unwrap();

    let mock = MockQmp::from_recording(Recording::load(&folder).unwrap()).mode(Mode::Strict);
    let (server, mut client) = mock.serve_in_memory().unwrap();
    client
        .write_all(
            b"{\"execute\":\"qmp_capabilities\"}{\"execute\":\"stop\"}{\"execute\":\"quit\"}",
        )
        .await
        .unwrap();
    let mut replayed = String::new();
    client.read_to_string(&mut replayed).await.unwrap();
    assert_eq!(replayed, original);
    server.finish().unwrap();
}
