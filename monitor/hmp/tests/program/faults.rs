// SPDX-License-Identifier: GPL-2.0-or-later
//! `hmp` against other ends that misbehave: the documented exit code, a clear message, never a
//! hang.
//!
//! How long is too long is decided by the limit of a minute that every run has.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Command as Process, Stdio};
use std::thread::JoinHandle;
use std::time::Instant;

use crate::common::peer::GREETING;
use crate::common::program::{Ran, binary, hmp, run};
use hmp::client::frame::{Framer, Limits};
use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The server's end of one connection.
struct Server {
    stream: UnixStream,
    framer: Framer,
}

impl Server {
    /// The next request, or none at the end.
    fn request(&mut self) -> Option<Value> {
        let mut chunk = [0; 4096];
        loop {
            if let Some(frame) = self.framer.next_frame().unwrap() {
                return Some(frame.parse().unwrap());
            }
            match self.stream.read(&mut chunk) {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.framer.push(&chunk[..count]),
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        // The other end may be gone, as it should be.
        let _ = self.stream.write_all(bytes);
    }

    fn reply(&mut self, request: &Value, result: &Value) {
        let reply = json!({"return": result, "id": request["id"]});
        self.write(format!("{reply}\r\n").as_bytes());
    }

    /// Greets and answers as QEMU does, until a request for `command` comes, which is returned.
    fn until(&mut self, command: &str) -> Option<Value> {
        self.write(GREETING.as_bytes());
        loop {
            let request = self.request()?;
            let name = request["execute"].as_str().unwrap().to_owned();
            if name == command {
                return Some(request);
            }
            let result = match name.as_str() {
                "query-version" => json!({"qemu": {"major": 10, "minor": 0, "micro": 2}}),
                "query-commands" => {
                    let names = [
                        "query-status",
                        "query-name",
                        "stop",
                        "human-monitor-command",
                    ];
                    names.iter().map(|name| json!({ "name": name })).collect()
                }
                "query-target" => json!({"arch": "x86_64"}),
                _ => json!({}),
            };
            self.reply(&request, &result);
        }
    }

    /// Keeps the connection open, and silent, until the other end leaves.
    fn stay(mut self) {
        while self.request().is_some() {}
    }
}

/// Serves one connection on a thread.
struct Scene {
    folder: TempDir,
    thread: JoinHandle<()>,
}

impl Scene {
    fn new(work: impl FnOnce(Server) + Send + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("q")).unwrap();
        let thread = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            work(Server {
                stream,
                framer: Framer::new(Limits::default()),
            });
        });
        Self { folder, thread }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("q")
    }

    fn run(self, arguments: &[&str]) -> Ran {
        let ran = run(hmp().arg(self.path()).args(arguments));
        self.thread.join().unwrap();
        ran
    }
}

fn assert_ends(ran: &Ran, code: i32, message: &str) {
    assert_eq!(ran.code, Some(code), "{ran:?}");
    assert!(ran.stderr.starts_with("hmp: "), "{ran:?}");
    assert!(ran.stderr.contains(message), "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
}

#[test]
fn no_greeting() {
    let begun = Instant::now();
    let ran = Scene::new(Server::stay).run(&["-c", "stop"]);
    assert_ends(&ran, 3, "another client holds the socket");
    assert!((10..20).contains(&begun.elapsed().as_secs()));
}

#[test]
fn half_a_greeting() {
    let scene = Scene::new(|mut server| {
        server.write(&GREETING.as_bytes()[..30]);
        server.stay();
    });
    assert_ends(&scene.run(&["-c", "stop"]), 3, "did not start within 10 s");
}

#[test]
fn half_a_greeting_and_the_end() {
    let scene = Scene::new(|mut server| server.write(&GREETING.as_bytes()[..30]));
    let ran = scene.run(&["-c", "stop"]);
    assert_ends(&ran, 3, "closed before the greeting was complete");
}

#[rstest]
#[case(b"\0\x01\x02\xff\xfe garbage".as_slice())]
#[case(b"{\"QMP\": }")]
#[case(b"SSH-2.0-OpenSSH_9.2p1\r\n")]
fn another_protocol(#[case] bytes: &'static [u8]) {
    let scene = Scene::new(|mut server| {
        server.write(bytes);
        server.stay();
    });
    assert_ends(&scene.run(&["-c", "stop"]), 3, "not a QMP socket");
}

#[test]
fn silence_instead_of_the_first_answers() {
    let scene = Scene::new(|mut server| {
        server.until("query-commands");
        server.stay();
    });
    assert_ends(&scene.run(&["-c", "stop"]), 3, "QEMU does not answer");
}

#[test]
fn silence_in_mid_command_and_a_limit() {
    let scene = Scene::new(|mut server| {
        server.until("stop");
        server.stay();
    });
    let ran = scene.run(&["--timeout", "1", "-c", "stop", "-c", "info name"]);
    assert_ends(
        &ran,
        4,
        "no answer from QEMU within 1 s, outcome of stop unknown",
    );
}

#[rstest]
#[case::at_once(b"".as_slice())]
#[case::within_the_reply(b"{\"return\": {\"stat")]
#[case::behind_events(b"{\"event\": \"STOP\"}\r\n")]
fn killed_in_mid_command(#[case] last: &'static [u8]) {
    let scene = Scene::new(|mut server| {
        server.until("stop");
        server.write(last);
    });
    let ran = scene.run(&["-c", "info name", "-c", "stop", "-c", "info name"]);
    assert_eq!(ran.stdout, "", "the name was empty");
    assert_ends(
        &ran,
        4,
        "connection to QEMU lost, outcome of stop unknown; one more line",
    );
}

#[test]
fn killed_in_mid_command_with_lines_from_standard_input() {
    let scene = Scene::new(|mut server| {
        server.until("stop");
    });
    let path = scene.path();
    let ran = run(hmp().arg(path).write_stdin("stop\ninfo name\n"));
    assert_ends(&ran, 4, "connection to QEMU lost, outcome of stop unknown");
}

#[test]
fn an_end_between_two_lines_of_a_partner_program() {
    let scene = Scene::new(|mut server| {
        let request = server.until("query-status").unwrap();
        server.reply(&request, &json!({"status": "running", "running": true}));
        server.stream.shutdown(Shutdown::Both).unwrap();
    });
    let mut child = Process::new(binary())
        .arg(scene.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Kept open: more lines may come.
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"info status\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"VM status: running\n");
    assert_eq!(output.stderr, b"hmp: connection to QEMU lost\n");
    assert_eq!(output.status.code(), Some(4));
}

#[test]
fn an_end_after_the_last_line_is_none_of_our_business() {
    let scene = Scene::new(|mut server| {
        let request = server.until("stop").unwrap();
        server.reply(&request, &json!({}));
    });
    let ran = scene.run(&["-c", "stop"]);
    assert_eq!((ran.stderr.as_str(), ran.code), ("", Some(0)));
}

#[rstest]
#[case(b"qemu-system-x86_64: terminating on signal 15\r\n".as_slice(), "not QMP: a message starts with")]
#[case(b"{\"return\": nul}", "not QMP: ")]
#[case(b"{\"return\": \"\xff\xff\"}", "not QMP: ")]
#[case(b"{\"x\": \"\\u001b[2J\x1b[2J\"}", "not QMP: ")]
fn garbage_in_mid_command(#[case] bytes: &'static [u8], #[case] message: &str) {
    let scene = Scene::new(|mut server| {
        server.until("stop");
        server.write(bytes);
        server.stay();
    });
    let ran = scene.run(&["-c", "stop"]);
    assert_ends(&ran, 4, message);
    assert!(!ran.stderr.contains('\x1b'), "{ran:?}");
}

/// Alone in flight, it is the request that the error without an id is about.
#[test]
fn a_request_that_the_other_end_can_not_read() {
    let scene = Scene::new(|mut server| {
        server.until("stop");
        server.write(b"{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error\"}}");
        server.stay();
    });
    let ran = scene.run(&["-c", "stop"]);
    assert_eq!(ran.stdout, "Error: JSON parse error\n");
    assert_eq!((ran.stderr.as_str(), ran.code), ("", Some(1)));
}

#[test]
fn brackets_without_end() {
    let scene = Scene::new(|mut server| {
        server.until("stop");
        server.write(&[b'{'; 100_000]);
        server.stay();
    });
    assert_ends(
        &scene.run(&["-c", "stop"]),
        4,
        "nested deeper than 1024 levels",
    );
}

#[test]
fn a_reply_of_200_megabytes() {
    const SIZE: usize = 200 << 20;
    let scene = Scene::new(|mut server| {
        let request = server.until("human-monitor-command").unwrap();
        let head = format!("{{\"id\": {}, \"return\": \"", request["id"]);
        server.write(head.as_bytes());
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..SIZE / piece.len() {
            server.write(&piece);
        }
        server.write(b"\"}\r\n");
        server.stay();
    });
    let ran = scene.run(&["-c", "info usbhost"]);
    assert_eq!((ran.stderr.as_str(), ran.code), ("", Some(0)));
    assert!(ran.stdout.len() == SIZE && ran.stdout.bytes().all(|byte| byte == b'x'));
}

#[test]
fn bytes_one_by_one() {
    let scene = Scene::new(|mut server| {
        let request = server.until("query-status").unwrap();
        let reply = json!({
            "return": {"status": "running", "running": true}, "id": request["id"]
        });
        for byte in format!("{reply}\r\n").bytes() {
            server.write(&[byte]);
            std::thread::yield_now();
        }
        server.stay();
    });
    let ran = scene.run(&["-c", "info status"]);
    assert_eq!(
        (ran.stdout.as_str(), ran.code),
        ("VM status: running\n", Some(0))
    );
}

#[test]
fn a_flood_of_events() {
    let scene = Scene::new(|mut server| {
        let request = server.until("query-status").unwrap();
        let event = "{\"event\": \"RTC_CHANGE\", \"data\": {\"offset\": 1}}\r\n";
        server.write(event.repeat(100_000).as_bytes());
        server.reply(&request, &json!({"status": "running", "running": true}));
        server.stay();
    });
    let ran = scene.run(&["-c", "info status"]);
    assert_eq!(
        (ran.stdout.as_str(), ran.code),
        ("VM status: running\n", Some(0))
    );
}
