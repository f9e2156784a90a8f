// SPDX-License-Identifier: GPL-2.0-or-later
//! One `hmp` for a long time: commands, reconnects, events. Its memory and its descriptors stay what
//! they are once it is warm. 5,000 commands, 20 reconnects and 20,000 events; a million, 1,000 and a
//! million with `HMP_TEST_LONG`; others by `HMP_TEST_SOAK_COUNTS`. `HMP_TEST_SOAK` names a file for the figures, of which
//! `.ci/soak.py` makes docs/soak.svg.
#![cfg(feature = "repl")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

use mock_qmp::{MockQmp, Server};
use serde_json::{Value, json};

use common::listener::Listener;
use common::rows::{RECORDED, server, usual};

/// What is typed, over and over.
const LINES: [&str; 8] = [
    "info status",
    "info block -v",
    "print 1+1",
    "info chardev",
    "stop",
    "info qtree",
    "cont",
    "no such command",
];

/// How much more memory than when it was warm is flat, in KiB.
const FLAT: u64 = 4 << 10;

/// How many samples a phase has.
const SAMPLES: u64 = 100;

struct Counts {
    commands: u64,
    reconnects: u64,
    events: u64,
}

fn counts() -> Counts {
    let asked = std::env::var("HMP_TEST_SOAK_COUNTS").ok();
    let long = std::env::var_os("HMP_TEST_LONG").is_some();
    let text = match &asked {
        Some(text) => text,
        None if long => "1000000,1000,1000000",
        None => "5000,20,20000",
    };
    let numbers: Vec<u64> = text.split(',').map(|word| word.parse().unwrap()).collect();
    let [commands, reconnects, events] = numbers[..] else {
        panic!("HMP_TEST_SOAK_COUNTS is COMMANDS,RECONNECTS,EVENTS");
    };
    Counts {
        commands,
        reconnects,
        events,
    }
}

/// What was measured: the phase, how far it was, KiB, descriptors.
#[derive(Default)]
struct Figures(Vec<(&'static str, u64, u64, usize)>);

impl Figures {
    fn measure(&mut self, phase: &'static str, done: u64, listener: &Listener) {
        let before = self.0.iter().filter(|figure| figure.0 == phase);
        let least = before.map(|figure| figure.3).min().unwrap_or(0);
        // A client that has gone is noticed a moment later.
        for _ in 0..50 {
            if listener.descriptors() <= least {
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let figure = (phase, done, listener.memory(), listener.descriptors());
        self.0.push(figure);
    }

    /// That a phase ended as it was after its first tenth.
    fn check(&self, phase: &str) {
        let all: Vec<_> = self.0.iter().filter(|figure| figure.0 == phase).collect();
        let (warm, last) = (all[all.len() / 10], all[all.len() - 1]);
        assert!(
            last.2 <= warm.2 + FLAT,
            "{phase}: {} KiB, then {} KiB",
            warm.2,
            last.2
        );
        assert_eq!(last.3, warm.3, "{phase}: descriptors");
    }

    fn keep(&self) {
        let Some(path) = std::env::var_os("HMP_TEST_SOAK") else {
            return;
        };
        let mut text = "phase\tdone\tKiB\tdescriptors\n".to_owned();
        for (phase, done, memory, descriptors) in &self.0 {
            let _ = writeln!(text, "{phase}\t{done}\t{memory}\t{descriptors}");
        }
        std::fs::write(path, text).unwrap();
    }
}

fn mock(path: &Path) -> Server {
    let _ = std::fs::remove_file(path);
    let mut mock = server(MockQmp::scripted(), usual);
    mock = mock.command("query-target", json!({"arch": "x86_64"}));
    for name in ["stop", "cont"] {
        mock = mock.command(name, json!({}));
    }
    mock.serve_unix(path).unwrap()
}

/// Types so many lines without waiting for answers, and reads these.
fn type_lines(listener: &Listener, count: u64) {
    let client = listener.client();
    let mut reader = client.stream.try_clone().unwrap();
    let mut writer = client.stream.try_clone().unwrap();
    let reading = thread::spawn(move || {
        let mut chunk = vec![0; 1 << 16];
        let mut prompts = 0;
        let mut held = Vec::new();
        while prompts < count {
            let length = reader.read(&mut chunk).unwrap();
            assert!(length > 0, "the end after {prompts} prompts");
            held.extend_from_slice(&chunk[..length]);
            let prompt = b"(qemu) ";
            while let Some(at) = held.windows(prompt.len()).position(|part| part == prompt) {
                held.drain(..at + prompt.len());
                prompts += 1;
            }
            // No more than the start of a prompt is kept.
            held.drain(..held.len().saturating_sub(prompt.len()));
        }
    });
    for number in 0..count {
        let line = LINES[usize::try_from(number).unwrap() % LINES.len()];
        writer.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
    reading.join().unwrap();
    let _ = writer.shutdown(Shutdown::Both);
}

/// Whether a client gets an answer: one that came while QEMU's end was not noticed yet is closed.
fn is_answered(listener: &Listener) -> bool {
    thread::sleep(Duration::from_millis(10));
    let Ok(mut stream) = UnixStream::connect(&listener.socket) else {
        return false;
    };
    if stream.write_all(b"print 6*7\n").is_err() {
        return false;
    }
    let mut text = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut chunk) {
        text.extend_from_slice(&chunk[..length]);
        if String::from_utf8_lossy(&text).contains("\r\n0x2a\r\n") {
            return true;
        }
    }
    false
}

fn event(number: u64) -> Value {
    let names = [
        "STOP",
        "RESUME",
        "NIC_RX_FILTER_CHANGED",
        "DEVICE_DELETED",
        "BLOCK_JOB_COMPLETED",
    ];
    let name = names[usize::try_from(number).unwrap() % names.len()];
    json!({
        "event": name, "data": {"name": format!("n{number}"), "path": "/machine/peripheral/n"},
        "timestamp": {"seconds": number, "microseconds": 1}
    })
}

#[test]
fn memory_and_descriptors_are_flat() {
    assert!(!RECORDED.answers.is_empty());
    let counts = counts();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q");
    let mut server = mock(&path);
    let listener = Listener::start(&path, folder.path(), &["--reconnect"]);
    let mut figures = Figures::default();

    let step = counts.commands / SAMPLES;
    for sample in 0..SAMPLES {
        type_lines(&listener, step);
        figures.measure("commands", (sample + 1) * step, &listener);
    }
    figures.check("commands");

    for number in 0..counts.reconnects {
        drop(server);
        server = mock(&path);
        let again = (0..500).any(|_| is_answered(&listener));
        assert!(again, "no answer after reconnect {number}");
        figures.measure("reconnects", number + 1, &listener);
    }
    figures.check("reconnects");

    let step = counts.events / SAMPLES;
    let mut client = listener.client();
    for sample in 0..SAMPLES {
        for few in 0..step.div_ceil(100) {
            for number in 0..100.min(step) {
                server.send_event(&event(few * 100 + number));
            }
            // Answered behind the events.
            client.line("info status");
        }
        figures.measure("events", (sample + 1) * step, &listener);
    }
    figures.check("events");
    figures.keep();
}
