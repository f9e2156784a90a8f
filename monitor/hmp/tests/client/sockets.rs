// SPDX-License-Identifier: GPL-2.0-or-later
//! The QMP client on real sockets: unix, TCP, descriptors, and any order of what the other end
//! sends.

use std::fs::File;
use std::io::{IoSliceMut, Read, Seek, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::time::Duration;

use crate::common::peer::{GREETING, Peer};
use hmp::client::address::Address;
use hmp::client::{Client, ConnectError, Options, Refusal};
use hmp_engine::qmp::{Qmp, QmpError};
use proptest::prelude::*;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde_json::{Value, json};
use tokio::io::Interest;
use tokio::net::{TcpListener, UnixListener, UnixStream};

async fn serve_one(mut peer: Peer<impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>) {
    peer.greet().await;
    let request = peer.request().await;
    peer.reply(&request, request["execute"].clone()).await;
    assert_eq!(peer.request_or_end().await, None);
}

async fn ask_one(address: &Address) {
    let (client, _events) = Client::connect(address, &Options::default()).await.unwrap();
    let answer = client.execute("query-status", Value::Null).await;
    assert_eq!(answer.unwrap(), "query-status");
}

#[tokio::test]
async fn unix_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q");
    let listener = UnixListener::bind(&path).unwrap();
    let server = tokio::spawn(async move {
        serve_one(Peer::new(listener.accept().await.unwrap().0)).await;
    });
    ask_one(&Address::Unix(path)).await;
    server.await.unwrap();
}

#[tokio::test]
async fn a_path_longer_than_an_address() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("d".repeat(100)).join("e".repeat(100));
    std::fs::create_dir_all(&deep).unwrap();
    // Made elsewhere and moved, since it can't be bound there.
    let short = folder.path().join("q");
    let listener = UnixListener::bind(&short).unwrap();
    std::fs::rename(&short, deep.join("q")).unwrap();
    let server = tokio::spawn(async move {
        serve_one(Peer::new(listener.accept().await.unwrap().0)).await;
    });
    ask_one(&Address::Unix(deep.join("q"))).await;
    server.await.unwrap();
}

#[test]
fn tcp_on_a_runtime_with_threads() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            serve_one(Peer::new(listener.accept().await.unwrap().0)).await;
        });
        ask_one(&format!("tcp:127.0.0.1:{port}").parse().unwrap()).await;
        server.await.unwrap();
    });
}

#[tokio::test]
async fn a_name_longer_than_an_address() {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("q")).unwrap();
    let path = folder.path().join("q".repeat(200));
    std::fs::rename(folder.path().join("q"), &path).unwrap();
    let server = tokio::spawn(async move {
        serve_one(Peer::new(listener.accept().await.unwrap().0)).await;
    });
    ask_one(&Address::Unix(path)).await;
    server.await.unwrap();
}

#[tokio::test]
async fn abstract_names() {
    let name = format!("hmp-test-{}", std::process::id());
    for (tight, length) in [(true, name.len()), (false, 107)] {
        let mut bytes = name.clone().into_bytes();
        bytes.resize(length, 0);
        let address = std::os::unix::net::SocketAddr::from_abstract_name(bytes).unwrap();
        let listener = std::os::unix::net::UnixListener::bind_addr(&address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = UnixListener::from_std(listener).unwrap();
        let server = tokio::spawn(async move {
            serve_one(Peer::new(listener.accept().await.unwrap().0)).await;
        });
        let name = name.clone();
        ask_one(&Address::Abstract { name, tight }).await;
        server.await.unwrap();
    }
    let error = refused(&format!("@{name}")).await;
    assert_eq!(error, Refusal::NoSuchName);
    let long = format!("@{}", "x".repeat(108)).parse().unwrap();
    let error = Client::connect(&long, &Options::default()).await.err();
    assert!(matches!(error, Some(ConnectError::Io(_))), "{error:?}");
}

#[tokio::test]
async fn vsock_on_this_machine() {
    use socket2::{Domain, SockAddr, Socket, Type};
    let listener = Socket::new(Domain::VSOCK, Type::STREAM, None);
    let bound = listener.and_then(|listener| {
        listener.bind(&SockAddr::vsock(1, u32::MAX))?;
        listener.listen(1)?;
        Ok(listener)
    });
    let Ok(listener) = bound else {
        eprintln!("vsock_on_this_machine skipped: no loopback of AF_VSOCK here");
        return;
    };
    let port = listener.local_addr().unwrap().as_vsock_address().unwrap().1;
    let server = tokio::task::spawn_blocking(move || listener.accept().unwrap().0);
    let connecting = tokio::spawn(async move {
        ask_one(&format!("vsock:1:{port}").parse().unwrap()).await;
    });
    let stream = server.await.unwrap();
    stream.set_nonblocking(true).unwrap();
    let stream = UnixStream::from_std(OwnedFd::from(stream).into()).unwrap();
    serve_one(Peer::new(stream)).await;
    connecting.await.unwrap();
}

/// Why connecting to what is written so is refused.
async fn refused(address: &str) -> Refusal {
    let address: Address = address.parse().unwrap();
    match Client::connect(&address, &Options::default()).await.err() {
        Some(ConnectError::Place(refusal)) => refusal,
        other => panic!("{address}: {other:?}"),
    }
}

#[tokio::test]
async fn sockets_that_are_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| format!("{}/{name}", folder.path().display());
    let text = refused(&at("q")).await.to_string();
    assert!(text.contains("No such file or directory"), "{text}");
    assert_eq!(refused(&at("")).await, Refusal::NotASocket("a folder"));
    std::fs::write(at("file"), "").unwrap();
    assert_eq!(
        refused(&at("file")).await,
        Refusal::NotASocket("a regular file")
    );
    drop(std::os::unix::net::UnixListener::bind(at("stale")).unwrap());
    assert_eq!(refused(&at("stale")).await, Refusal::Stale);
    let long = "d".repeat(200);
    assert_eq!(refused(&at(&long)).await, Refusal::Missing);
    std::fs::create_dir(at(&long)).unwrap();
    assert_eq!(refused(&at(&long)).await, Refusal::NotASocket("a folder"));
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = port.local_addr().unwrap().to_string();
    drop(port);
    assert_eq!(refused(&place).await, Refusal::NobodyListens);
}

#[tokio::test]
async fn a_socket_that_appears_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q");
    let options = Options {
        wait: Some(Duration::from_secs(20)),
        ..Options::default()
    };
    let address = Address::Unix(path.clone());
    let connecting = tokio::spawn(async move { Client::connect(&address, &options).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    // First a file that nobody listens at.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    tokio::time::sleep(Duration::from_millis(100)).await;
    std::fs::remove_file(&path).unwrap();
    let listener = UnixListener::bind(&path).unwrap();
    let mut peer = Peer::new(listener.accept().await.unwrap().0);
    peer.greet().await;
    assert!(connecting.await.unwrap().is_ok());
}

#[tokio::test]
async fn waiting_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q");
    let options = Options {
        wait: Some(Duration::from_millis(200)),
        ..Options::default()
    };
    let begun = std::time::Instant::now();
    let address = Address::Unix(path.clone());
    let error = Client::connect(&address, &options).await.err();
    assert!(
        matches!(error, Some(ConnectError::Place(Refusal::Missing))),
        "{error:?}"
    );
    // What time does not mend is said at once.
    let folder = Address::Unix(folder.path().to_owned());
    let error = Client::connect(&folder, &options).await.err();
    assert!(matches!(error, Some(ConnectError::Place(_))), "{error:?}");
    let _listener = UnixListener::bind(&path).unwrap();
    let error = Client::connect(&address, &options).await.err();
    assert!(
        matches!(error, Some(ConnectError::NoGreeting { .. })),
        "{error:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn twenty_at_once_get_their_turns() {
    for backlog in [0, 1] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("q");
        let listener = UnixListener::bind(&path).unwrap();
        rustix::net::listen(listener.as_fd(), backlog).unwrap();
        // One client at a time, as QEMU.
        let server = tokio::spawn(async move {
            for _ in 0..20 {
                serve_one(Peer::new(listener.accept().await.unwrap().0)).await;
            }
        });
        let address = Address::Unix(path);
        let all = futures_util::future::join_all((0..20).map(|_| ask_one(&address)));
        tokio::time::timeout(Duration::from_secs(20), all)
            .await
            .unwrap();
        server.await.unwrap();
    }
}

#[tokio::test]
async fn a_held_socket_gives_no_greeting_and_then_its_queue_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q");
    let listener = UnixListener::bind(&path).unwrap();
    rustix::net::listen(listener.as_fd(), 0).unwrap();
    let address = Address::Unix(path);
    let options = Options {
        connect_timeout: Duration::from_millis(50),
        ..Options::default()
    };
    let first = std::os::unix::net::UnixStream::connect(folder.path().join("q")).unwrap();
    let error = Client::connect(&address, &options).await.err().unwrap();
    assert!(matches!(error, ConnectError::Queued), "{error:?}");
    drop((first, listener.accept().await.unwrap()));

    let error = Client::connect(&address, &options).await.err().unwrap();
    assert!(
        matches!(error, ConnectError::NoGreeting { .. }),
        "{error:?}"
    );
}

/// Reads one request as QEMU does, a byte at a time, and takes the descriptor that comes along.
async fn request_with_descriptor(stream: &UnixStream) -> (Value, Option<OwnedFd>) {
    let (mut text, mut descriptor) = (Vec::new(), None);
    loop {
        let received = stream.async_io(Interest::READABLE, || {
            let mut byte = [0];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut slices = [IoSliceMut::new(&mut byte)];
            let got = recvmsg(stream, &mut slices, &mut control, RecvFlags::CMSG_CLOEXEC)?;
            assert_eq!(got.bytes, 1, "the connection ended");
            let sent = control.drain().find_map(|message| match message {
                RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
                _ => None,
            });
            Ok((byte[0], sent))
        });
        let (byte, sent) = received.await.unwrap();
        if byte == b'\n' && text.is_empty() {
            continue;
        }
        assert!(
            sent.is_none() || text.is_empty(),
            "it comes with the first byte"
        );
        descriptor = descriptor.or(sent);
        text.push(byte);
        if let Ok(value) = serde_json::from_slice(&text) {
            return (value, descriptor);
        }
    }
}

fn file_with(text: &str) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[tokio::test]
async fn a_descriptor_goes_with_its_request() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let server = tokio::spawn(async move {
        theirs.writable().await.unwrap();
        theirs.try_write(GREETING.as_bytes()).unwrap();
        let mut contents = Vec::new();
        for _ in 0..5 {
            let (request, descriptor) = request_with_descriptor(&theirs).await;
            let has_descriptor = descriptor.is_some();
            if let Some(descriptor) = descriptor {
                let mut file = File::from(descriptor);
                let mut text = String::new();
                file.rewind().unwrap();
                file.read_to_string(&mut text).unwrap();
                contents.push(text);
            }
            if has_descriptor {
                // Not a byte may come before this one was used, be it a line end.
                tokio::time::sleep(Duration::from_millis(20)).await;
                let count = theirs.try_read(&mut [0; 2]).unwrap_or(0);
                assert_eq!(count, 0, "{request}");
            }
            let reply = json!({"return": request["execute"], "id": request["id"]});
            theirs.try_write(reply.to_string().as_bytes()).unwrap();
        }
        contents
    });
    let (client, _events) = Client::from_unix(ours, &Options::default()).await.unwrap();
    let (one, two) = (file_with("one"), file_with("two"));
    let (a, b, c) = tokio::join!(
        client.execute_with_fd("getfd", json!({"fdname": "a"}), one.as_fd()),
        client.execute_with_fd("getfd", json!({"fdname": "b"}), two.as_fd()),
        client.execute("query-name", Value::Null),
    );
    assert_eq!((a.unwrap(), b.unwrap()), (json!("getfd"), json!("getfd")));
    assert_eq!(c.unwrap(), "query-name");
    client.execute("query-status", Value::Null).await.unwrap();
    assert_eq!(server.await.unwrap(), ["one", "two"]);
}

#[tokio::test]
async fn other_streams_take_no_descriptors() {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let mut peer = Peer::new(theirs);
    let options = Options::default();
    let (connected, _) = tokio::join!(Client::from_stream(ours, &options), peer.greet());
    let (client, _events) = connected.unwrap();
    let file = file_with("");
    let result = client.execute_with_fd("getfd", json!({}), file.as_fd());
    assert!(matches!(result.await, Err(QmpError::Unsupported(_))));
}

/// What the other end does next.
#[derive(Clone, Debug)]
enum Step {
    /// Answers the request at this place among those that wait, counted round.
    Reply(usize),
    /// Answers it a second time.
    Again,
    Event,
    /// Answers what was not asked. Ids of one digit are those in flight.
    Stray(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0_usize..8).prop_map(Step::Reply),
        1 => Just(Step::Again),
        2 => Just(Step::Event),
        1 => (10_u64..99).prop_map(Step::Stray),
    ];
    prop::collection::vec(step, 0..60)
}

/// The number that it was given; with its id if it has one.
fn reply_to(request: &Value) -> Value {
    let mut reply = json!({"return": request["arguments"]["n"]});
    if let Some(id) = request.get("id") {
        reply["id"] = id.clone();
    }
    reply
}

/// Runs `count` commands against a peer that follows `steps` and then answers what is left, in
/// pieces of these sizes.
async fn play(count: usize, steps: Vec<Step>, cuts: Vec<usize>) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let mut peer = Peer::new(theirs);
    let options = Options::default();
    let (connected, _) = tokio::join!(Client::from_stream(ours, &options), peer.greet());
    let (client, mut events) = connected.unwrap();
    let calls: Vec<_> = (0..count)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move { client.execute("a", json!({ "n": number })).await })
        })
        .collect();
    let mut waiting = Vec::new();
    for _ in 0..count {
        waiting.push(peer.request().await);
    }
    let (mut sent, mut strays, mut wire, mut last) = (0, 0, String::new(), None);
    let rest = std::iter::repeat_n(Step::Reply(0), count);
    for step in steps.into_iter().chain(rest) {
        let message = match step {
            Step::Reply(_) if waiting.is_empty() => continue,
            Step::Reply(place) => {
                let request = waiting.remove(place % waiting.len());
                last = Some(request.clone());
                reply_to(&request)
            }
            Step::Again => {
                let Some(request) = &last else { continue };
                strays += 1;
                match request.get("id") {
                    Some(id) => {
                        json!({"id": id, "error": {"class": "GenericError", "desc": "again"}})
                    }
                    None => reply_to(request),
                }
            }
            Step::Event => {
                sent += 1;
                json!({"event": "E", "data": {"n": sent}})
            }
            Step::Stray(id) => {
                strays += 1;
                json!({"return": {}, "id": id})
            }
        };
        wire.push_str(&message.to_string());
        wire.push_str("\r\n");
    }
    let mut rest = wire.as_bytes();
    for cut in cuts.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, behind) = rest.split_at((*cut).min(rest.len()));
        peer.write(piece).await;
        tokio::task::yield_now().await;
        rest = behind;
    }
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.unwrap(), Ok(json!(number)));
    }
    drop(peer);
    for number in 1..=sent {
        assert_eq!(events.recv().await.unwrap().data["n"], number);
    }
    assert_eq!(events.recv().await, None);
    assert_eq!(client.strays(), strays);
}

/// Runs one command against a peer that sends these bytes and leaves.
async fn answer_with(bytes: Vec<u8>) -> Result<Value, QmpError> {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let mut peer = Peer::new(theirs);
    let options = Options {
        first_id: Some(1),
        ..Options::default()
    };
    let (connected, _) = tokio::join!(Client::from_stream(ours, &options), peer.greet());
    let (client, _events) = connected.unwrap();
    let talk = async {
        peer.request().await;
        // Where the bytes are garbage the other end closes early.
        peer.try_write(&bytes).await;
        drop(peer);
    };
    let (result, ()) = tokio::join!(client.execute("a", Value::Null), talk);
    result
}

fn fragments() -> impl Strategy<Value = Vec<u8>> {
    let fragment = prop_oneof![
        4 => prop::sample::select(vec![
            "{", "}", "[", "]", "\"", "\\", ":", ",", "\"id\":", "2", "\"return\":", "\"error\":", "\"event\":",
            "\"QMP\":", "null", "{}", "\r\n", "{\"return\":{},\"id\":2}", "{\"event\":\"E\"}", "1e999", "\"\\ud800\"",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(fragment, 0..30).prop_map(|fragments| fragments.concat())
}

proptest! {
    #[test]
    fn any_bytes_end_in_an_answer_or_an_error(bytes in fragments()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let limit = Duration::from_secs(10);
        let result = runtime.block_on(async { tokio::time::timeout(limit, answer_with(bytes)).await });
        prop_assert!(result.is_ok(), "it hangs");
    }
}

proptest! {
        #[test]
    fn neither_order_nor_pieces_matter(
        count in 1_usize..9,
        steps in steps(),
        cuts in prop::collection::vec(1_usize..200, 1..20),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(play(count, steps, cuts));
    }
}
