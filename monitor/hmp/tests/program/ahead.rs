// SPDX-License-Identifier: GPL-2.0-or-later
//! Lines that only look are asked ahead of their turn, and nobody can tell by the answers.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Stdio;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::common::peer::GREETING;
use crate::common::program::{Ran, heeding, hmp, run};
use hmp::client::frame::{Framer, Limits};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a request is waited for that must not come.
const A_WHILE: Duration = Duration::from_millis(200);

/// The other end, driven by hand.
struct Peer {
    stream: UnixStream,
    framer: Framer,
    /// The first request that is not one of the connecting, until it is taken.
    first: Option<Value>,
}

impl Peer {
    /// The next request; none at the end, or where none comes within the limit.
    fn next(&mut self, limit: Option<Duration>) -> Option<Value> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let mut chunk = [0; 4096];
        self.stream.set_read_timeout(limit).unwrap();
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

    /// Takes requests for these commands, which must all be in flight at once.
    fn take(&mut self, commands: &[&str]) -> Vec<Value> {
        let limit = Some(Duration::from_secs(20));
        let requests: Vec<Value> = commands.iter().map_while(|_| self.next(limit)).collect();
        let names: Vec<&str> = requests
            .iter()
            .map(|request| request["execute"].as_str().unwrap())
            .collect();
        assert_eq!(names, commands);
        requests
    }

    /// Nothing comes for a while.
    fn quiet(&mut self) {
        let request = self.next(Some(A_WHILE));
        assert_eq!(request, None, "asked too early");
    }

    fn send(&mut self, messages: &[Value]) {
        let text: String = messages.iter().map(|m| format!("{m}\r\n")).collect();
        let _ = self.stream.write_all(text.as_bytes());
    }

    fn greet(&mut self) {
        let _ = self.stream.write_all(GREETING.as_bytes());
        // What is asked at connect, until the lines' own requests come.
        loop {
            let request = self.next(Some(Duration::from_secs(20))).unwrap();
            let result = match request["execute"].as_str().unwrap() {
                "query-commands" => COMMANDS.iter().map(|name| json!({"name": name})).collect(),
                "query-target" => json!({"arch": "x86_64"}),
                "query-jobs" | "query-fdsets" | "closefd" | "qmp_capabilities" => json!([]),
                _ => {
                    self.first = Some(request);
                    return;
                }
            };
            self.send(&[reply(&request, result)]);
        }
    }
}

const COMMANDS: &[&str] = &[
    "query-status",
    "query-name",
    "query-uuid",
    "query-kvm",
    "query-jobs",
    "stop",
    "quit",
    "human-monitor-command",
];

fn reply(request: &Value, result: Value) -> Value {
    let mut reply = json!({"return": result});
    if let Some(id) = request.get("id") {
        reply["id"] = id.clone();
    }
    reply
}

fn error(request: &Value, desc: &str) -> Value {
    let mut reply = json!({"error": {"class": "GenericError", "desc": desc}});
    if let Some(id) = request.get("id") {
        reply["id"] = id.clone();
    }
    reply
}

fn name(request: &Value) -> Value {
    reply(request, json!({"name": "vm"}))
}

fn uuid(request: &Value) -> Value {
    reply(request, json!({"UUID": "u-u-i-d"}))
}

fn status(request: &Value, running: bool) -> Value {
    let word = if running { "running" } else { "paused" };
    reply(request, json!({"status": word, "running": running}))
}

const NAME: &str = "vm\n";
const UUID: &str = "u-u-i-d\n";
const RUNS: &str = "VM status: running\n";
const STOPPED: &str = "VM status: paused\n";

/// Serves one connection.
fn scene(work: impl FnOnce(&mut Peer) + Send + 'static) -> (TempDir, JoinHandle<()>) {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("q")).unwrap();
    let thread = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let framer = Framer::new(Limits::default());
        let first = None;
        let mut peer = Peer {
            stream,
            framer,
            first,
        };
        peer.greet();
        work(&mut peer);
    });
    (folder, thread)
}

/// Runs lines from standard input, and from the command line: `work` serves each.
fn both(lines: &[&str], work: fn(&mut Peer)) -> [Ran; 2] {
    let input = |path: &Path| {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        run(hmp().arg(path).write_stdin(text))
    };
    let command_line = |path: &Path| {
        let mut command = hmp();
        for line in lines {
            command.args(["-c", line]);
        }
        run(command.arg(path))
    };
    let runs: [&dyn Fn(&Path) -> Ran; 2] = [&input, &command_line];
    runs.map(|run| {
        let (folder, thread) = scene(work);
        let ran = run(&folder.path().join("q"));
        thread.join().unwrap();
        ran
    })
}

fn assert_answers(lines: &[&str], answer: &str, code: i32, work: fn(&mut Peer)) {
    for ran in both(lines, work) {
        assert_eq!(ran.stdout, answer, "{ran:?}");
        assert_eq!((ran.stderr.as_str(), ran.code), ("", Some(code)));
    }
}

#[test]
fn answers_keep_the_order_of_lines() {
    let lines = ["info name", "info status", "info uuid"];
    assert_answers(&lines, &[NAME, RUNS, UUID].concat(), 0, |peer| {
        let all = peer.take(&["query-name", "query-status", "query-uuid"]);
        let ids: Vec<bool> = all.iter().map(|r| r.get("id").is_some()).collect();
        assert_eq!(ids, [false, true, true]);
        peer.send(&[uuid(&all[2]), status(&all[1], true), name(&all[0])]);
    });
}

#[test]
fn a_change_between_two_looks() {
    let lines = [
        "info status",
        "info name",
        "stop",
        "info status",
        "info uuid",
    ];
    let answer = [RUNS, NAME, STOPPED, UUID].concat();
    assert_answers(&lines, &answer, 0, |peer| {
        let all = peer.take(&["query-status", "query-name"]);
        peer.quiet();
        peer.send(&[status(&all[0], true)]);
        peer.quiet();
        peer.send(&[name(&all[1])]);
        let stop = peer.take(&["stop"]);
        peer.quiet();
        peer.send(&[reply(&stop[0], json!({}))]);
        let all = peer.take(&["query-status", "query-uuid"]);
        peer.send(&[status(&all[0], false), uuid(&all[1])]);
    });
}

#[test]
fn an_event_in_between() {
    let lines = ["info name", "info status", "info uuid"];
    assert_answers(&lines, &[NAME, STOPPED, UUID].concat(), 0, |peer| {
        let all = peer.take(&["query-name", "query-status", "query-uuid"]);
        let event = json!({"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 0}});
        peer.send(&[status(&all[1], true), uuid(&all[2]), event, name(&all[0])]);
        let all = peer.take(&["query-status", "query-uuid"]);
        peer.send(&[status(&all[0], false), uuid(&all[1])]);
    });
}

#[test]
fn an_error_in_the_middle() {
    let lines = ["info name", "info uuid", "info status"];
    let answer = [NAME, "Error: not today\n", RUNS].concat();
    assert_answers(&lines, &answer, 1, |peer| {
        let all = peer.take(&["query-name", "query-uuid", "query-status"]);
        peer.send(&[
            name(&all[0]),
            error(&all[1], "not today"),
            status(&all[2], true),
        ]);
        // In its turn it is asked once more.
        while let Some(request) = peer.next(None) {
            let answer = match request["execute"].as_str().unwrap() {
                "query-uuid" => error(&request, "not today"),
                _ => status(&request, true),
            };
            peer.send(&[answer]);
        }
    });
}

#[test]
fn the_connection_is_lost_in_the_middle() {
    let lines = ["info name", "info status", "info uuid"];
    let runs = both(&lines, |peer| {
        let all = peer.take(&["query-name", "query-status", "query-uuid"]);
        peer.send(&[name(&all[0])]);
    });
    for ran in runs {
        assert_eq!((ran.stdout.as_str(), ran.code), (NAME, Some(4)), "{ran:?}");
        let first = ran.stderr.lines().next().unwrap();
        let lost = "hmp: connection to QEMU lost, outcome of query-status unknown";
        assert!(first.starts_with(lost), "{ran:?}");
    }
}

#[test]
fn quit_is_honoured() {
    let lines = ["info name", "quit", "info status"];
    for ran in both(&lines, |peer| {
        let all = peer.take(&["query-name"]);
        peer.quiet();
        peer.send(&[name(&all[0])]);
        let quit = peer.take(&["quit"]);
        peer.send(&[reply(&quit[0], json!({}))]);
    }) {
        assert_eq!((ran.stdout.as_str(), ran.code), (NAME, Some(4)), "{ran:?}");
        assert!(ran.stderr.starts_with("hmp: QEMU has quit"), "{ran:?}");
    }
}

#[test]
fn the_built_in_monitors_lines_wait_for_their_turn() {
    let lines = ["info name", "info mtree", "info status"];
    assert_answers(&lines, &[NAME, "regions\n", RUNS].concat(), 0, |peer| {
        let all = peer.take(&["query-name"]);
        peer.quiet();
        peer.send(&[name(&all[0])]);
        let all = peer.take(&["human-monitor-command"]);
        peer.quiet();
        peer.send(&[reply(&all[0], json!("regions\r\n"))]);
        let all = peer.take(&["query-status"]);
        peer.send(&[status(&all[0], true)]);
    });
}

#[test]
fn a_line_that_is_not_there_yet_is_not_waited_for() {
    let (folder, thread) = scene(|peer| {
        let all = peer.take(&["query-name"]);
        peer.quiet();
        peer.send(&[name(&all[0])]);
        let all = peer.take(&["query-status"]);
        peer.send(&[status(&all[0], true)]);
    });
    let mut child = std::process::Command::new(crate::common::program::binary())
        .arg(folder.path().join("q"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = child.stdout.take().unwrap();
    for (line, answer) in [("info name\n", NAME), ("info status\n", RUNS)] {
        input.write_all(line.as_bytes()).unwrap();
        let mut bytes = vec![0; answer.len()];
        output.read_exact(&mut bytes).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), answer);
    }
    drop(input);
    assert!(child.wait().unwrap().success());
    thread.join().unwrap();
}

#[test]
fn a_signal_ends_it_while_lines_are_asked_ahead() {
    let (asked, all_there) = std::sync::mpsc::channel();
    let (folder, thread) = scene(move |peer| {
        let all = peer.take(&["query-name", "query-status", "query-uuid"]);
        peer.send(&[name(&all[0])]);
        asked.send(()).unwrap();
        while peer.next(None).is_some() {}
    });
    let child = heeding()
        .arg(folder.path().join("q"))
        .args(["-c", "info name", "-c", "info status", "-c", "info uuid"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    all_there.recv().unwrap();
    std::thread::sleep(A_WHILE);
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(String::from_utf8_lossy(&output.stdout), NAME);
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "hmp: ended by SIGINT; QEMU goes on with what it was asked already\n"
    );
    thread.join().unwrap();
}

#[test]
fn json_answers_too() {
    let (folder, thread) = scene(|peer| {
        let all = peer.take(&["query-name", "query-status"]);
        peer.send(&[name(&all[0]), status(&all[1], true)]);
    });
    let mut command = hmp();
    command.arg(folder.path().join("q")).arg("--json");
    let ran = run(command.args(["-c", "info name", "-c", "info status"]));
    let answers: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers[1]["line"], "info status");
    assert_eq!(answers[1]["text"], RUNS);
    assert_eq!(answers[1]["route"], "native");
    assert_eq!(answers[1]["replies"][0]["execute"], "query-status");
    thread.join().unwrap();
}
