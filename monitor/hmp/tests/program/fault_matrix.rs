// SPDX-License-Identifier: GPL-2.0-or-later
//! Every fault that the mock knows, met by a query, a change, a completion and a memory read: each
//! has its exit code and its message, nothing hangs, and what may have happened in QEMU is never
//! left unsaid.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::common::program::{Ran, hmp, run};
use mock_qmp::{Answer, Fault, FaultKind, MockQmp, Recording};
use rstest::rstest;
use serde_json::json;

/// What `hmp` does, and the QMP command whose reply meets the fault.
#[derive(Debug, Clone, Copy)]
enum Work {
    Query,
    Change,
    Completion,
    Memory,
}

impl Work {
    fn command(self) -> &'static str {
        match self {
            Work::Query => "query-status",
            Work::Change => "stop",
            Work::Completion => "query-block",
            Work::Memory => "pmemsave",
        }
    }

    fn arguments(self) -> [&'static str; 2] {
        match self {
            Work::Query => ["-c", "info status"],
            Work::Change => ["-c", "stop"],
            Work::Completion => ["--complete", "eject "],
            Work::Memory => ["-c", "xp/3uh 0xffff0"],
        }
    }

    /// What it prints when all is well.
    fn answer(self) -> &'static str {
        match self {
            Work::Query => "VM status: running\n",
            Work::Change => "",
            Work::Completion => "floppy0\n",
            Work::Memory => "00000000000ffff0: 23530   224 12528\n",
        }
    }
}

/// A QEMU 10.0 with a running guest and a floppy drive, whose memory was recorded.
fn machine() -> MockQmp {
    let recording = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../recordings/10.0-x86_64-q35/memory-sticky.qmp");
    MockQmp::from_recording(Recording::load(recording).unwrap())
        .command(
            "query-status",
            json!({"status": "running", "running": true}),
        )
        .command(
            "stop",
            Answer::from(json!({})).event_before(&json!({"event": "STOP"})),
        )
        .command(
            "query-block",
            json!([{"device": "floppy0", "locked": false, "removable": true, "type": "unknown"}]),
        )
}

fn meet(fault: &str, work: Work) -> (Ran, Duration) {
    let fault: Fault = fault.parse().unwrap();
    let fault = match fault.kind {
        FaultKind::EndlessGreeting
        | FaultKind::NoGreeting
        | FaultKind::Refuse(_)
        | FaultKind::Unlink => fault,
        _ => fault.on_command(work.command()),
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q");
    let server = machine().fault(fault).serve_unix(&path).unwrap();
    let begun = Instant::now();
    let ran = run(hmp()
        .arg(&path)
        .args(["--timeout", "2"])
        .args(work.arguments()));
    drop(server);
    (ran, begun.elapsed())
}

/// What is expected: the exit code, what is printed, and a part of the one line of message.
enum End {
    /// As if nothing had happened.
    Fine,
    /// The command's error is its answer.
    Failed,
    /// No answer; the connection is of no use any more.
    Lost(&'static str),
    /// The answer, and then the connection is lost with work in flight.
    LostAfter(&'static str),
    /// No candidates, as the built-in shows none for a question that QEMU refuses.
    Nothing,
    /// There never was a connection.
    Unconnected(&'static str),
}

use End::{Failed, Fine, Lost, LostAfter, Nothing, Unconnected};

fn check(fault: &str, work: Work, end: &End) {
    let (ran, time) = meet(fault, work);
    let seen = format!("{fault}, {work:?}: {ran:?}");
    let (code, answer, message) = match *end {
        Fine => (0, work.answer(), ""),
        Failed => (1, "Error: an error instead of the reply\n", ""),
        Lost(message) => (4, "", message),
        LostAfter(message) => (4, work.answer(), message),
        Nothing => (0, "", ""),
        Unconnected(message) => (3, "", message),
    };
    assert_eq!(ran.code, Some(code), "{seen}");
    assert_eq!(ran.stdout, answer, "{seen}");
    if message.is_empty() {
        assert_eq!(ran.stderr, "", "{seen}");
    } else {
        assert!(ran.stderr.starts_with("hmp: "), "{seen}");
        assert!(ran.stderr.contains(message), "{seen}");
        assert_eq!(ran.stderr.lines().count(), 1, "{seen}");
    }
    // The greeting's limit is 10 s, the command's 2 s; the rest is for a busy machine.
    assert!(time < Duration::from_secs(30), "{time:?}, {seen}");
}

const QUERY: &str = "outcome of query-status unknown";
const CHANGE: &str = "outcome of stop unknown";
const BLOCK: &str = "outcome of query-block unknown";
const MEMORY: &str = "outcome of pmemsave unknown";
const UNKNOWN: [End; 4] = [Lost(QUERY), Lost(CHANGE), Lost(BLOCK), Lost(MEMORY)];
const ALL_FINE: [End; 4] = [Fine, Fine, Fine, Fine];

const fn unconnected(message: &'static str) -> [End; 4] {
    [
        Unconnected(message),
        Unconnected(message),
        Unconnected(message),
        Unconnected(message),
    ]
}

/// Each fault and how a query, a change, a completion and a memory read end.
#[rstest]
#[case("delay:ms=500", ALL_FINE)]
#[case("delay:ms=5000", UNKNOWN)]
#[case("drop-before", UNKNOWN)]
#[case("drop-in", UNKNOWN)]
#[case("drop-after", [Fine, Fine, Fine, LostAfter("outcome of remove-fd unknown")])]
#[case("split-bytes", ALL_FINE)]
#[case("merge:ms=50", ALL_FINE)]
#[case("garbage:bytes=64", UNKNOWN)]
#[case("invalid-utf8", UNKNOWN)]
#[case("truncate", UNKNOWN)]
#[case("wrong-id", UNKNOWN)]
// Nothing else is in flight.
#[case("missing-id", ALL_FINE)]
#[case("duplicate", ALL_FINE)]
#[case("late:ms=500", ALL_FINE)]
#[case("late:ms=5000", UNKNOWN)]
#[case("error", [Failed, Failed, Nothing, Failed])]
#[case("event-burst:count=1000", ALL_FINE)]
#[case(
    "endless-greeting",
    unconnected("not a QMP socket: a message is longer than")
)]
#[case("no-greeting", unconnected("no greeting within 10 s"))]
#[case("silence", UNKNOWN)]
#[case("slow:ms=1", ALL_FINE)]
#[case("slow:ms=200", UNKNOWN)]
#[case("huge:bytes=1000000000", UNKNOWN)]
#[case("depth-bomb:depth=100000", UNKNOWN)]
#[case("refuse:ms=1000", unconnected("can't connect: Connection refused"))]
#[case("unlink", ALL_FINE)]
fn every_fault_and_every_kind_of_work(#[case] fault: &str, #[case] ends: [End; 4]) {
    let works = [Work::Query, Work::Change, Work::Completion, Work::Memory];
    std::thread::scope(|scope| {
        for (work, end) in works.into_iter().zip(&ends) {
            scope.spawn(move || check(fault, work, end));
        }
    });
}

/// The list above is by hand; a new fault must get its line.
#[test]
fn every_fault_is_in_the_matrix() {
    let text = include_str!("fault_matrix.rs");
    for kind in FaultKind::all() {
        let fault = Fault::from(kind).to_string();
        let name = fault.split(':').next().unwrap();
        let listed = [format!("\"{name}\","), format!("\"{name}:")];
        assert!(listed.iter().any(|start| text.contains(start)), "{name}");
    }
}

#[test]
fn faults_combine() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q");
    let faults = [
        "split-bytes",
        "duplicate",
        "event-burst:count=50",
        "merge:ms=5",
    ];
    let mock = faults.iter().fold(machine(), |mock, fault| {
        mock.fault(fault.parse::<Fault>().unwrap())
    });
    let server = mock.serve_unix(&path).unwrap();
    for work in [Work::Query, Work::Change, Work::Completion, Work::Memory] {
        let ran = run(hmp().arg(&path).args(work.arguments()));
        assert_eq!(ran.stderr, "");
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), work.answer()));
    }
    drop(server);
}
