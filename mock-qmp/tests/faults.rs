// SPDX-License-Identifier: GPL-2.0-or-later
//! Each fault, as a client sees it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use mock_qmp::{Answer, Fault, FaultKind, MockQmp, Server};
use rstest::rstest;
use serde_json::json;

fn mock(faults: &[&str]) -> MockQmp {
    let mock = MockQmp::scripted()
        .command(
            "query-status",
            json!({"status": "running", "running": true}),
        )
        .command(
            "stop",
            Answer::from(json!({})).event_before(&json!({"event": "STOP"})),
        );
    faults.iter().fold(mock, |mock, fault| {
        mock.fault(fault.parse::<Fault>().unwrap())
    })
}

/// Reads until there is nothing for a while, the end, or so many bytes.
fn read(stream: &mut UnixStream, most: usize) -> (String, bool) {
    stream
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let mut all = Vec::new();
    let mut chunk = vec![0; 256 * 1024];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return (String::from_utf8_lossy(&all).into_owned(), true),
            Ok(count) => all.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                return (String::from_utf8_lossy(&all).into_owned(), true);
            }
            Err(_) => return (String::from_utf8_lossy(&all).into_owned(), false),
        }
        if all.len() >= most {
            return (String::from_utf8_lossy(&all).into_owned(), false);
        }
    }
}

fn negotiated(faults: &[&str]) -> (Server, UnixStream) {
    let (server, mut stream) = mock(faults).serve_pair().unwrap();
    let (greeting, _) = read(&mut stream, 1);
    assert!(greeting.starts_with("{\"QMP\""), "{greeting}");
    stream
        .write_all(b"{\"execute\":\"qmp_capabilities\",\"id\":0}")
        .unwrap();
    assert_eq!(read(&mut stream, 1).0, "{\"return\": {}, \"id\": 0}\r\n");
    (server, stream)
}

const REPLY: &str = "{\"return\": {\"status\": \"running\", \"running\": true}, \"id\": 1}\r\n";

#[rstest]
#[case("drop-before", "", true)]
#[case("drop-in", "{\"return\": {\"status\": \"running", true)]
#[case("drop-after", REPLY, true)]
#[case("split-bytes", REPLY, false)]
#[case("merge:ms=10", REPLY, false)]
#[case("delay:ms=10", REPLY, false)]
#[case("late:ms=10", REPLY, false)]
#[case("slow:ms=1", REPLY, false)]
#[case(
    "truncate",
    "{\"return\": {\"status\": \"running\", \"runnin\r\n",
    false
)]
#[case(
    "wrong-id",
    "{\"return\": {\"status\": \"running\", \"running\": true}, \"id\": \"stranger\"}\r\n",
    false
)]
#[case(
    "missing-id",
    "{\"return\": {\"status\": \"running\", \"running\": true}}\r\n",
    false
)]
#[case(
    "error",
    "{\"id\": 1, \"error\": {\"class\": \"GenericError\", \"desc\": \"an error instead of the reply\"}}\r\n",
    false
)]
#[case("silence", "", false)]
fn a_query_meets_a_fault(#[case] fault: &str, #[case] text: &str, #[case] ends: bool) {
    let (server, mut stream) = negotiated(&[fault]);
    stream
        .write_all(b"{\"execute\":\"query-status\",\"id\":1}")
        .unwrap();
    assert_eq!(read(&mut stream, usize::MAX), (text.to_owned(), ends));
    server.finish().unwrap();
}

#[test]
fn duplicates_garbage_and_bursts_surround_the_reply() {
    let (_server, mut stream) =
        negotiated(&["duplicate", "garbage:bytes=9", "event-burst:count=3"]);
    stream
        .write_all(b"{\"execute\":\"query-status\",\"id\":1}")
        .unwrap();
    let (text, _) = read(&mut stream, usize::MAX);
    assert_eq!(text.matches(REPLY).count(), 2, "{text}");
    assert_eq!(text.matches("NIC_RX_FILTER_CHANGED").count(), 3, "{text}");
    assert!(text.contains('@'), "{text}");
}

#[test]
fn a_late_reply_lets_others_pass() {
    let (_server, mut stream) = negotiated(&["late:ms=80,nth=1"]);
    stream
        .write_all(
            b"{\"execute\":\"query-status\",\"id\":1}{\"execute\":\"query-status\",\"id\":2}",
        )
        .unwrap();
    let (text, _) = read(&mut stream, usize::MAX);
    let place = |id: &str| text.find(id).unwrap();
    assert!(place("\"id\": 2") < place("\"id\": 1"), "{text}");
}

#[test]
fn silence_covers_events_and_ends_with_the_connection() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q");
    let _server = mock(&["silence:command=stop,nth=1"])
        .serve_unix(&path)
        .unwrap();
    let connect = || {
        let mut stream = UnixStream::connect(&path).unwrap();
        read(&mut stream, 1);
        stream
            .write_all(b"{\"execute\":\"qmp_capabilities\"}")
            .unwrap();
        read(&mut stream, 1);
        stream
    };
    let mut stream = connect();
    stream
        .write_all(b"{\"execute\":\"stop\"}{\"execute\":\"query-status\"}")
        .unwrap();
    let (text, _) = read(&mut stream, usize::MAX);
    assert!(!text.contains("return"), "{text}");
    drop(stream);
    let mut stream = connect();
    stream
        .write_all(b"{\"execute\":\"query-status\",\"id\":1}")
        .unwrap();
    assert_eq!(read(&mut stream, 1).0, REPLY);
}

#[test]
fn greetings_fail_in_their_own_ways() {
    let (_server, mut stream) = mock(&["no-greeting"]).serve_pair().unwrap();
    assert_eq!(read(&mut stream, usize::MAX), (String::new(), false));
    let (_server, mut stream) = mock(&["endless-greeting"]).serve_pair().unwrap();
    let (text, _) = read(&mut stream, 3 << 20);
    assert!(text.len() >= 3 << 20 && !text.contains('\n'));
    let (_server, mut stream) = mock(&["truncate:command=greeting"]).serve_pair().unwrap();
    let (text, _) = read(&mut stream, usize::MAX);
    assert!(
        text.starts_with("{\"QMP\"") && !text.contains("oob"),
        "{text}"
    );
}

#[test]
fn large_and_deep_replies_are_made_while_they_are_sent() {
    let (_server, mut stream) =
        negotiated(&["huge:bytes=3000000,nth=1", "depth-bomb:depth=5001,nth=2"]);
    stream
        .write_all(b"{\"execute\":\"query-status\",\"id\":1}")
        .unwrap();
    let (text, _) = read(&mut stream, usize::MAX);
    let reply: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(reply["return"].as_str().unwrap().len(), 3_000_000);
    stream
        .write_all(b"{\"execute\":\"query-status\",\"id\":2}")
        .unwrap();
    let (text, _) = read(&mut stream, usize::MAX);
    assert_eq!(
        (text.matches('[').count(), text.matches(']').count()),
        (5001, 5001)
    );
}

#[test]
fn connections_are_refused_at_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q");
    let start = Instant::now();
    let server = mock(&["refuse:ms=300"]).serve_unix(&path).unwrap();
    let refused = UnixStream::connect(&path).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    let mut stream = loop {
        if let Ok(stream) = UnixStream::connect(&path) {
            break stream;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert!(read(&mut stream, 1).0.starts_with("{\"QMP\""));
    drop(stream);
    // It waits for the next one, and heeds whoever ends it.
    std::thread::sleep(Duration::from_millis(50));
    let mut stream = UnixStream::connect(&path).unwrap();
    assert!(read(&mut stream, 1).0.starts_with("{\"QMP\""));
    drop(stream);
    std::thread::sleep(Duration::from_millis(50));
    server.finish().unwrap();
    let server = mock(&["refuse:ms=200"]).serve_tcp("127.0.0.1:0").unwrap();
    let place = server.address().to_string().replace("tcp:", "");
    assert!(std::net::TcpStream::connect(&place).is_err());
    std::thread::sleep(Duration::from_millis(400));
    assert!(std::net::TcpStream::connect(&place).is_ok());
}

#[test]
fn the_socket_file_goes_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q");
    let _server = mock(&["unlink"]).serve_unix(&path).unwrap();
    let mut stream = UnixStream::connect(&path).unwrap();
    assert!(read(&mut stream, 1).0.starts_with("{\"QMP\""));
    assert!(!path.exists());
}

#[test]
fn a_fault_that_never_came_is_reported() {
    let (server, _stream) = mock(&[])
        .fault(Fault::from(FaultKind::Silence).on_command("x"))
        .serve_pair()
        .unwrap();
    assert_eq!(server.finish().unwrap_err().faults, ["silence:command=x"]);
}
