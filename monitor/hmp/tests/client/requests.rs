// SPDX-License-Identifier: GPL-2.0-or-later
//! The QMP client against a peer driven by hand.

use std::time::Duration;

use crate::common::peer::{GREETING, Peer};
use hmp::client::frame::Limits;
use hmp::client::{Client, ConnectError, Events, Options};
use hmp_engine::qmp::{Qmp, QmpError};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;

async fn pair(options: &Options) -> (Client, Events, Peer<DuplexStream>) {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let mut peer = Peer::new(theirs);
    let (connected, _) = tokio::join!(Client::from_stream(ours, options), peer.greet());
    let (client, events) = connected.unwrap();
    (client, events, peer)
}

fn start(client: &Client, command: &'static str) -> JoinHandle<Result<Value, QmpError>> {
    let client = client.clone();
    tokio::spawn(async move { client.execute(command, Value::Null).await })
}

fn lost(command: &str) -> Result<Value, QmpError> {
    Err(QmpError::Disconnected {
        command: command.into(),
    })
}

fn limited(seconds: u64) -> Options {
    Options {
        command_timeout: Some(Duration::from_secs(seconds)),
        ..Options::default()
    }
}

/// Lets every task do what it can.
async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn oob_is_enabled_where_offered() {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let mut peer = Peer::new(theirs);
    let options = Options {
        first_id: Some(7),
        ..Options::default()
    };
    let (connected, request) = tokio::join!(Client::from_stream(ours, &options), peer.greet());
    let expected =
        json!({"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}, "id": 7});
    assert_eq!(request, expected);
    let (client, _) = connected.unwrap();
    assert_eq!(client.greeting()["version"]["qemu"]["major"], 10);
}

#[tokio::test]
async fn oob_is_not_enabled_where_not_offered() {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let mut peer = Peer::new(theirs);
    let options = Options::default();
    let talk = async {
        peer.write(b"{\"QMP\":{\"capabilities\":[]}}").await;
        let request = peer.request().await;
        peer.reply(&request, json!({})).await;
        request
    };
    let (connected, request) = tokio::join!(Client::from_stream(ours, &options), talk);
    assert_eq!(request.get("arguments"), None);
    connected.unwrap();
}

#[tokio::test]
async fn requests_are_compact() {
    let (client, _events, mut peer) = pair(&Options {
        first_id: Some(100),
        ..Options::default()
    })
    .await;
    let call = client.execute("query-status", Value::Null);
    let (result, ()) = tokio::join!(call, async {
        let request = peer.request().await;
        let text = serde_json::to_string(&request).unwrap();
        assert_eq!(text, r#"{"execute":"query-status"}"#);
        peer.reply(&request, json!({"running": true})).await;
    });
    assert_eq!(result.unwrap(), json!({"running": true}));
}

#[tokio::test]
async fn replies_in_any_order_find_their_command() {
    let (client, mut events, mut peer) = pair(&Options::default()).await;
    let (a, b, c) = (
        start(&client, "a"),
        start(&client, "b"),
        start(&client, "c"),
    );
    let mut requests = Vec::new();
    for _ in 0..3 {
        requests.push(peer.request().await);
    }
    peer.send(&json!({"event": "STOP"})).await;
    for request in requests.iter().rev() {
        peer.reply(request, request["execute"].clone()).await;
        peer.send(&json!({"event": "RESUME"})).await;
    }
    assert_eq!(a.await.unwrap().unwrap(), "a");
    assert_eq!(b.await.unwrap().unwrap(), "b");
    assert_eq!(c.await.unwrap().unwrap(), "c");
    assert_eq!(events.recv().await.unwrap().name, "STOP");
    assert_eq!(events.recv().await.unwrap().name, "RESUME");
}

/// Which of the next requests have an id.
async fn ids(peer: &mut Peer<DuplexStream>, count: usize) -> (Vec<Value>, Vec<bool>) {
    let mut requests = Vec::new();
    for _ in 0..count {
        requests.push(peer.request().await);
    }
    let have = requests.iter().map(|request| request.get("id").is_some());
    let have = have.collect();
    (requests, have)
}

#[tokio::test]
async fn only_what_is_not_alone_has_an_id() {
    let (client, _events, mut peer) = pair(&Options::default()).await;
    let (a, b) = (start(&client, "a"), start(&client, "b"));
    let (requests, have) = ids(&mut peer, 2).await;
    assert_eq!(have, [false, true]);
    peer.reply(&requests[1], json!("b")).await;
    peer.send(&json!({"return": "a"})).await;
    assert_eq!(a.await.unwrap().unwrap(), "a");
    assert_eq!(b.await.unwrap().unwrap(), "b");

    let c = start(&client, "c");
    let (_, have) = ids(&mut peer, 1).await;
    assert_eq!(have, [false]);
    // QEMU could not read it, or could and refuses.
    peer.send(&json!({"error": {"class": "GenericError", "desc": "JSON parse error"}}))
        .await;
    assert_eq!(c.await.unwrap(), Err(QmpError::generic("JSON parse error")));
    let d = start(&client, "d");
    let (_, have) = ids(&mut peer, 1).await;
    assert_eq!(have, [false]);
    peer.send(&json!({"return": "d"})).await;
    assert_eq!(d.await.unwrap().unwrap(), "d");
    assert_eq!(client.strays(), 0);
}

#[tokio::test]
async fn as_long_as_a_late_reply_may_come_there_are_ids() {
    let (client, _events, mut peer) = pair(&Options::default()).await;
    let given_up = start(&client, "a");
    ids(&mut peer, 1).await;
    given_up.abort();
    settle().await;
    let b = start(&client, "b");
    let (b_request, have) = ids(&mut peer, 1).await;
    assert_eq!(have, [true]);
    peer.send(&json!({"return": "late"})).await;
    peer.reply(&b_request[0], json!("b")).await;
    assert_eq!(b.await.unwrap().unwrap(), "b");
    let c = start(&client, "c");
    let (_, have) = ids(&mut peer, 1).await;
    assert_eq!(have, [false]);
    peer.send(&json!({"return": "c"})).await;
    assert_eq!(c.await.unwrap().unwrap(), "c");
    assert_eq!(client.strays(), 1);
}

#[tokio::test]
async fn who_replies_twice_gets_ids() {
    let (client, _events, mut peer) = pair(&Options::default()).await;
    let a = start(&client, "a");
    ids(&mut peer, 1).await;
    peer.write(b"{\"return\": 1}\r\n{\"return\": 2}\r\n").await;
    assert_eq!(a.await.unwrap().unwrap(), 1);
    settle().await;
    let b = start(&client, "b");
    let (requests, have) = ids(&mut peer, 1).await;
    assert_eq!(have, [true]);
    peer.reply(&requests[0], json!("b")).await;
    assert_eq!(b.await.unwrap().unwrap(), "b");
    assert_eq!(client.strays(), 1);
}

#[tokio::test]
async fn ids_are_digits_that_nothing_in_flight_has() {
    let (client, _events, mut peer) = pair(&Options {
        first_id: Some(400),
        ..Options::default()
    })
    .await;
    let calls: Vec<_> = (0..8).map(|_| start(&client, "a")).collect();
    let (mut requests, _) = ids(&mut peer, 8).await;
    let of = |requests: &[Value]| -> Vec<Option<u64>> {
        requests.iter().map(|r| r.get("id")?.as_u64()).collect()
    };
    let expected = [
        None,
        Some(1),
        Some(2),
        Some(3),
        Some(4),
        Some(5),
        Some(6),
        Some(7),
    ];
    assert_eq!(of(&requests), expected);
    peer.reply(&requests.remove(4), json!(0)).await;
    peer.reply(&requests.remove(1), json!(0)).await;
    settle().await;
    let more: Vec<_> = (0..2).map(|_| start(&client, "b")).collect();
    let (more_requests, _) = ids(&mut peer, 2).await;
    assert_eq!(of(&more_requests), [Some(8), Some(9)]);
    peer.reply(&more_requests[0], json!(0)).await;
    settle().await;
    let third = start(&client, "c");
    let (third_request, _) = ids(&mut peer, 1).await;
    assert_eq!(of(&third_request), [Some(1)]);

    // What nobody asked for makes it wary.
    peer.send(&json!({"return": {}, "id": 77})).await;
    peer.reply(&third_request[0], json!(0)).await;
    third.await.unwrap().unwrap();
    let fourth = start(&client, "d");
    let (fourth_request, _) = ids(&mut peer, 1).await;
    assert_eq!(of(&fourth_request), [Some(401)]);
    requests.extend(more_requests.into_iter().skip(1));
    requests.extend(fourth_request);
    for request in &requests {
        peer.reply(request, json!(0)).await;
    }
    for call in calls.into_iter().chain(more).chain([fourth]) {
        call.await.unwrap().unwrap();
    }
    assert_eq!(client.strays(), 1);
}

#[tokio::test]
async fn long_requests_and_those_of_a_relayed_connection_have_ids() {
    let (client, _events, mut peer) = pair(&Options::default()).await;
    let long = json!({"a": "x".repeat(1000)});
    let call = client.execute("a", long);
    let (result, have) = tokio::join!(call, async {
        let (requests, have) = ids(&mut peer, 1).await;
        peer.reply(&requests[0], json!(1)).await;
        have
    });
    assert_eq!((result.unwrap(), have), (json!(1), vec![true]));
    let relayed = Options {
        relayed: true,
        ..Options::default()
    };
    let (client, _events, mut peer) = pair(&relayed).await;
    let call = start(&client, "a");
    let (requests, have) = ids(&mut peer, 1).await;
    assert_eq!(have, [true]);
    peer.reply(&requests[0], json!(1)).await;
    assert_eq!(call.await.unwrap().unwrap(), 1);
}

#[rstest]
#[case(json!({"return": {}}), "a reply without id")]
#[case(
    json!({"error": {"class": "GenericError", "desc": "JSON parse error"}}),
    "a reply without id: JSON parse error"
)]
#[tokio::test]
async fn a_reply_that_lacks_its_id_ends_the_connection(
    #[case] reply: Value,
    #[case] message: &str,
) {
    let (client, _events, mut peer) = pair(&Options::default()).await;
    let (a, b) = (start(&client, "a"), start(&client, "b"));
    ids(&mut peer, 2).await;
    peer.send(&json!({"return": "a"})).await;
    peer.send(&reply).await;
    assert_eq!(a.await.unwrap().unwrap(), "a");
    let Err(QmpError::Protocol { reason, .. }) = b.await.unwrap() else {
        panic!("no protocol error");
    };
    assert_eq!(reason, message);
}

#[tokio::test]
async fn errors_keep_class_and_sentence() {
    let (client, _events, mut peer) = pair(&Options::default()).await;
    let call = start(&client, "eject");
    let request = peer.request().await;
    peer.send(
        &json!({"id": request["id"], "error": {"class": "DeviceNotFound", "desc": "no 'x'"}}),
    )
    .await;
    let expected = QmpError::Command {
        class: "DeviceNotFound".into(),
        desc: "no 'x'".into(),
    };
    assert_eq!(call.await.unwrap(), Err(expected));
}

#[tokio::test]
async fn strays_and_duplicates_are_dropped() {
    let (client, _events, mut peer) = pair(&Options::default()).await;
    let call = start(&client, "a");
    let request = peer.request().await;
    peer.send(&json!({"return": 1, "id": "earlier"})).await;
    peer.send(&json!({"return": 2, "id": 1})).await;
    peer.reply(&request, json!(3)).await;
    peer.reply(&request, json!(4)).await;
    assert_eq!(call.await.unwrap().unwrap(), 3);
    settle().await;
    assert_eq!(client.strays(), 3);
}

#[tokio::test]
async fn an_earlier_clients_reply_may_come_after_the_greeting() {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let mut peer = Peer::new(theirs);
    let options = Options::default();
    let (connected, ()) = tokio::join!(Client::from_stream(ours, &options), async {
        peer.write(GREETING.as_bytes()).await;
        peer.send(&json!({"return": {}, "id": 1})).await;
        peer.send(&json!({"event": "STOP"})).await;
        let request = peer.request().await;
        peer.send(&json!({"error": {"class": "GenericError", "desc": "late"}, "id": 2}))
            .await;
        peer.reply(&request, json!({})).await;
    });
    connected.unwrap();
}

/// As a QEMU did that was stopped while it worked for an earlier client.
#[tokio::test]
async fn an_earlier_clients_reply_may_come_before_the_greeting() {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let mut peer = Peer::new(theirs);
    let options = Options::default();
    let (connected, ()) = tokio::join!(Client::from_stream(ours, &options), async {
        // More than a greeting may have.
        let long: Vec<_> = (0..20_000)
            .map(|n| json!({"name": n, "type": "x"}))
            .collect();
        peer.send(&json!({"return": long, "id": 7})).await;
        peer.send(&json!({"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 2}}))
            .await;
        peer.greet().await;
    });
    connected.unwrap();
}

#[tokio::test]
async fn what_is_neither_a_reply_nor_a_greeting_is_not_qmp() {
    for message in [json!({}), json!({"error": 1}), json!({"event": "X"})] {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let mut peer = Peer::new(theirs);
        let options = Options::default();
        let connecting = Client::from_stream(ours, &options);
        let (connected, ()) = tokio::join!(connecting, peer.send(&message));
        assert!(
            matches!(connected, Err(ConnectError::NotQmp(_))),
            "{message}"
        );
    }
}

#[tokio::test]
async fn eight_are_in_flight_and_a_dropped_one_keeps_its_place() {
    let (client, _events, mut peer) = pair(&Options::default()).await;
    let calls: Vec<_> = (0..10).map(|_| start(&client, "a")).collect();
    let mut requests = Vec::new();
    for _ in 0..8 {
        requests.push(peer.request().await);
    }
    calls[0].abort();
    let ninth = tokio::time::timeout(Duration::from_millis(50), peer.request()).await;
    assert!(ninth.is_err(), "a ninth request was sent: {ninth:?}");
    peer.reply(&requests[0], json!(0)).await;
    requests.push(peer.request().await);
    peer.reply(&requests[1], json!(1)).await;
    requests.push(peer.request().await);
    for (number, request) in requests.iter().enumerate().skip(2) {
        peer.reply(request, json!(number)).await;
    }
    for call in calls.into_iter().skip(1) {
        call.await.unwrap().unwrap();
    }
    assert_eq!(client.strays(), 1);
}

#[tokio::test]
async fn a_lost_connection_is_told_to_all_at_once() {
    let (client, mut events, mut peer) = pair(&Options::default()).await;
    let calls: Vec<_> = (0..10).map(|_| start(&client, "cont")).collect();
    for _ in 0..8 {
        peer.request().await;
    }
    assert_eq!(client.end(), None);
    drop(peer);
    for call in calls {
        assert_eq!(call.await.unwrap(), lost("cont"));
    }
    assert_eq!(client.execute("stop", Value::Null).await, lost("stop"));
    assert_eq!(events.recv().await, None);
    assert!(client.end().is_some());
}

#[tokio::test]
async fn a_reply_before_the_end_counts() {
    let (client, mut events, mut peer) = pair(&Options::default()).await;
    let call = start(&client, "quit");
    let request = peer.request().await;
    peer.reply(&request, json!({})).await;
    peer.send(&json!({"event": "SHUTDOWN"})).await;
    drop(peer);
    assert_eq!(call.await.unwrap(), Ok(json!({})));
    assert_eq!(events.recv().await.unwrap().name, "SHUTDOWN");
    assert_eq!(events.recv().await, None);
}

#[rstest]
#[case(
    b"qemu: fatal error\r\n",
    "a message starts with \"qemu: fatal error\""
)]
#[case(b"{]}", "key must be a string")]
#[case(b"{}", "neither reply nor event")]
#[case(b"{\"event\":null}", "an event without a name")]
#[case(b"{\"return\":\"\xff\",\"id\":1}", "invalid unicode code point")]
#[tokio::test]
async fn garbage_ends_the_connection(#[case] bytes: &[u8], #[case] message: &str) {
    let (client, _events, mut peer) = pair(&Options::default()).await;
    let call = start(&client, "a");
    peer.request().await;
    peer.write(bytes).await;
    let Err(QmpError::Protocol { command, reason }) = call.await.unwrap() else {
        panic!("no protocol error");
    };
    assert_eq!(command, "a");
    assert!(reason.contains(message), "{reason}");
    let later = client.execute("b", Value::Null).await;
    let command = "b".to_owned();
    assert_eq!(later, Err(QmpError::Protocol { command, reason }));
    assert_eq!(
        peer.request_or_end().await,
        None,
        "the connection is closed"
    );
}

#[rstest]
#[case(1023, true)]
#[case(1024, false)]
#[tokio::test]
async fn the_nesting_limit_is_qemus(#[case] levels: usize, #[case] fine: bool) {
    let (client, _events, mut peer) = pair(&Options::default()).await;
    let call = start(&client, "a");
    let id = peer.request().await["id"].clone();
    let deep = "[".repeat(levels) + &"]".repeat(levels);
    let text = format!("{{\"return\":{deep},\"id\":{id}}}");
    peer.write(text.as_bytes()).await;
    let result = call.await.unwrap();
    assert_eq!(result.is_ok(), fine, "{:?}", result.err());
}

#[tokio::test]
async fn long_replies_and_the_limit() {
    let options = Options {
        limits: Limits {
            bytes: 9 << 20,
            ..Limits::default()
        },
        ..Options::default()
    };
    let (client, _events, mut peer) = pair(&options).await;
    for (megabytes, fine) in [(8, true), (10, false)] {
        let call = start(&client, "a");
        let id = peer.request().await["id"].clone();
        let long = "x".repeat(megabytes << 20);
        let text = format!("{{\"return\":\"{long}\",\"id\":{id}}}");
        // Where the limit is passed the other end closes in the middle.
        let sending = tokio::spawn(async move {
            use tokio::io::AsyncWriteExt;
            let _ = peer.stream_mut().write_all(text.as_bytes()).await;
            peer
        });
        let result = call.await.unwrap();
        match result {
            Ok(value) => assert!(fine && value == long.as_str()),
            Err(error) => assert!(
                !fine && matches!(error, QmpError::Protocol { .. }),
                "{error}"
            ),
        }
        peer = sending.await.unwrap();
    }
}

#[tokio::test]
async fn noncharacters_are_refused_here() {
    let (client, _events, mut peer) = pair(&Options::default()).await;
    for text in ["\u{FFFF}", "a\u{FDD0}", "\u{1FFFE}"] {
        let arguments = json!({"a": [{"b": text}]});
        let result = client.execute("x", arguments).await;
        assert!(matches!(result, Err(QmpError::Command { .. })), "{text:?}");
    }
    let call = start(&client, "fine");
    assert_eq!(peer.request().await["execute"], "fine");
    drop(peer);
    assert_eq!(call.await.unwrap(), lost("fine"));
}

#[tokio::test]
async fn dropping_the_client_closes_the_connection() {
    let (client, mut events, mut peer) = pair(&Options::default()).await;
    drop(client);
    assert_eq!(peer.request_or_end().await, None);
    assert_eq!(events.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn no_greeting_means_that_somebody_else_is_connected() {
    let (ours, _theirs) = tokio::io::duplex(1 << 16);
    let begun = tokio::time::Instant::now();
    let error = Client::from_stream(ours, &Options::default()).await.err();
    assert_eq!(begun.elapsed(), Duration::from_secs(10));
    assert!(matches!(
        error,
        Some(ConnectError::NoGreeting { seconds: 10 })
    ));
    assert!(
        error
            .unwrap()
            .to_string()
            .contains("another client holds the socket")
    );
}

#[rstest]
#[case::partial(b"{\"QMP\": {\"vers".as_slice())]
#[case::no_answer(GREETING.as_bytes())]
#[tokio::test(start_paused = true)]
async fn a_greeting_may_stall(#[case] bytes: &[u8]) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let mut peer = Peer::new(theirs);
    peer.write(bytes).await;
    let error = Client::from_stream(ours, &Options::default()).await.err();
    assert!(
        matches!(error, Some(ConnectError::Stalled { seconds: 10 })),
        "{error:?}"
    );
}

#[rstest]
#[case(b"QEMU 10.0.2 monitor - type 'help' for more information\r\n(qemu) ", |e: &ConnectError| matches!(e, ConnectError::HumanMonitor))]
#[case(b"\xff\xfb\x01\xff\xfb\x03QEMU 7.2.22 monitor - type 'help'\r\n", |e: &ConnectError| matches!(e, ConnectError::HumanMonitor))]
#[case(b"HTTP/1.1 400 Bad Request\r\n", |e: &ConnectError| matches!(e, ConnectError::Speaks("HTTP")))]
#[case(b"\xff\xfb\x01\xff\xfb\x03{\"QMP\": {}}\r\n", |e: &ConnectError| matches!(e, ConnectError::Speaks("telnet")))]
#[case(b"\x15\x03\x03\x00\x02\x02\x32", |e: &ConnectError| matches!(e, ConnectError::Speaks("TLS")))]
#[case(b"\r\nvm login: ", |e: &ConnectError| matches!(e, ConnectError::NotQmp(_)))]
#[case(b"{\"hello\": 1}", |e: &ConnectError| matches!(e, ConnectError::NotQmp(_)))]
#[case(b"{\"QMP\"", |e: &ConnectError| matches!(e, ConnectError::Closed))]
#[case(b"", |e: &ConnectError| matches!(e, ConnectError::Closed))]
#[case(b"{\"QMP\": {}} {\"error\": {\"desc\": \"no\"}}", |e: &ConnectError| e.to_string().ends_with("the session: no"))]
#[tokio::test]
async fn other_ends_than_qmp(#[case] bytes: &[u8], #[case] expected: fn(&ConnectError) -> bool) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let mut peer = Peer::new(theirs);
    peer.write(bytes).await;
    let talk = async {
        if bytes.starts_with(b"{\"QMP\": {}}") {
            peer.request().await;
        }
        drop(peer);
    };
    let options = Options::default();
    let (connected, ()) = tokio::join!(Client::from_stream(ours, &options), talk);
    let error = connected.err().unwrap();
    assert!(expected(&error), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_command_may_be_given_a_limit() {
    let (client, _events, mut peer) = pair(&limited(3)).await;
    let begun = tokio::time::Instant::now();
    let call = start(&client, "query-block");
    let request = peer.request().await;
    let expected = QmpError::Timeout {
        command: "query-block".into(),
        seconds: 3,
    };
    assert_eq!(call.await.unwrap(), Err(expected));
    assert_eq!(begun.elapsed(), Duration::from_secs(3));

    let call = start(&client, "b");
    let next = peer.request().await;
    peer.reply(&request, json!("late")).await;
    peer.reply(&next, json!("in time")).await;
    assert_eq!(call.await.unwrap().unwrap(), "in time");
    assert_eq!(client.strays(), 1);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_place_is_limited_too() {
    let (client, _events, mut peer) = pair(&limited(3)).await;
    let calls: Vec<_> = (0..9).map(|_| start(&client, "a")).collect();
    settle().await;
    let request = peer.request().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    // An answer shows life: whoever waits goes on waiting.
    peer.reply(&request, json!(1)).await;
    let begun = tokio::time::Instant::now();
    let late = start(&client, "b");
    for call in calls.into_iter().skip(1) {
        assert!(matches!(call.await.unwrap(), Err(QmpError::Timeout { .. })));
    }
    assert!(matches!(late.await.unwrap(), Err(QmpError::Timeout { .. })));
    assert!(
        begun.elapsed() <= Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
}

/// What stands between may read lines.
#[tokio::test]
async fn requests_end_with_a_line_end() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let (ours, mut theirs) = tokio::io::duplex(4096);
    let server = tokio::spawn(async move {
        let mut text = Vec::new();
        theirs.write_all(GREETING.as_bytes()).await.unwrap();
        let mut replies = 0;
        while replies < 3 {
            let mut chunk = [0; 4096];
            let count = theirs.read(&mut chunk).await.unwrap();
            text.extend_from_slice(&chunk[..count]);
            let whole = text.iter().filter(|&&byte| byte == b'\n').count();
            let lines = String::from_utf8(text.clone()).unwrap();
            for line in lines.lines().take(whole).skip(replies) {
                let request: Value = serde_json::from_str(line).unwrap();
                let reply = json!({"return": {}, "id": request["id"]});
                theirs
                    .write_all(format!("{reply}\r\n").as_bytes())
                    .await
                    .unwrap();
            }
            replies = whole;
        }
    });
    let (client, _events) = Client::from_stream(ours, &Options::default())
        .await
        .unwrap();
    let (a, b) = tokio::join!(
        client.execute("query-name", Value::Null),
        client.execute("query-status", Value::Null),
    );
    assert_eq!((a, b), (Ok(json!({})), Ok(json!({}))));
    server.await.unwrap();
}
