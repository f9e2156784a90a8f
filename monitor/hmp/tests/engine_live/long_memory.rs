// SPDX-License-Identifier: GPL-2.0-or-later
//! Much memory with devices in it: the built-in monitor's text, though it is never asked for much.

use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex};

use hmp::client::Client;
use hmp::host::Unattended;
use hmp_engine::engine::{Monitor, Outcome};
use hmp_engine::qmp::{BoxFuture, Qmp, QmpResult};
use serde_json::{Value, json};

use crate::common::engine::connect;
use crate::common::qemu::{Qemu, qemus};

/// A connection, and the longest text that the built-in answered over it.
struct Watched {
    client: Client,
    longest: Mutex<usize>,
    lines: Mutex<usize>,
}

impl Qmp for Watched {
    fn execute<'a>(&'a self, command: &'a str, arguments: Value) -> BoxFuture<'a, QmpResult> {
        Box::pin(async move {
            let answer = self.client.execute(command, arguments).await;
            if command == "human-monitor-command" {
                let length = answer.as_ref().unwrap().as_str().unwrap().len();
                let mut longest = self.longest.lock().unwrap();
                *longest = (*longest).max(length);
                *self.lines.lock().unwrap() += 1;
            }
            answer
        })
    }

    fn execute_with_fd<'a>(
        &'a self,
        command: &'a str,
        arguments: Value,
        fd: BorrowedFd<'a>,
    ) -> BoxFuture<'a, QmpResult> {
        self.client.execute_with_fd(command, arguments, fd)
    }

    fn sees_numbers(&self) -> bool {
        self.client.sees_numbers()
    }

    fn number_of(&self, fd: BorrowedFd<'_>) -> Option<i32> {
        self.client.number_of(fd)
    }
}

#[tokio::test]
async fn devices_are_shown_piece_by_piece() {
    for program in qemus() {
        if !program.to_string_lossy().ends_with("x86_64") {
            continue;
        }
        let qemu = Qemu::start(&program, &["-device", "VGA"]);
        let client = connect(&qemu).await;
        let watched = Arc::new(Watched {
            client: client.clone(),
            longest: Mutex::new(0),
            lines: Mutex::new(0),
        });
        let mut monitor = Monitor::builder(watched.clone())
            .host(Arc::new(Unattended))
            .build()
            .await
            .unwrap();
        for (line, asked) in [
            // Memory, the display adapter's window, which can be read, memory.
            ("xp /40000xw 0x98001", 0..=0),
            ("xp /200000xb 0x98000", 0..=0),
            ("xp /30000dh 0xa0004", 0..=0),
            // A device, and nothing behind it.
            ("xp /3000xg 0xfed00000", 1..=10),
            ("xp /2000xw 0xfec00000", 1..=10),
            // Instructions, for which the built-in comes first.
            ("x /500i 0xffff0", 1..=10),
            ("xp /1000i 0xfff00", 1..=20),
        ] {
            let arguments = json!({"command-line": line});
            let expected = client.execute("human-monitor-command", arguments).await;
            let expected = expected.unwrap().as_str().unwrap().replace("\r\n", "\n");
            *watched.lines.lock().unwrap() = 0;
            let mut text = String::new();
            let ran = monitor.run_line(line, &mut text).await;
            let place = format!("{}: {line}: {ran:?}", program.display());
            assert_eq!(ran.outcome, Outcome::Done, "{place}");
            assert!(
                text == expected,
                "{place}:\n{}\n{}",
                text.len(),
                expected.len()
            );
            let lines = *watched.lines.lock().unwrap();
            assert!(asked.contains(&lines), "{place}: {lines} lines");
            assert!(*watched.longest.lock().unwrap() < 12 << 10, "{place}");
        }
    }
}
