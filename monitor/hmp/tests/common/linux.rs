// SPDX-License-Identifier: GPL-2.0-or-later
//! A Linux guest, of the packages of a distribution: `parity/linux.py` makes it, `HMP_TEST_LINUX` says
//! in which folder.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hmp::client::{Client, Events};
use hmp_engine::qmp::Qmp;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::engine::connect_and_listen;
use super::qemu::{Qemu, skipped};

/// Where it is. QEMUs that run in another root see it only below /tmp.
pub fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("HMP_TEST_LINUX").map(PathBuf::from);
    let there = folder.filter(|folder| folder.join("initrd").is_file());
    if there.is_none() {
        skipped("no Linux guest (parity/linux.py makes one, HMP_TEST_LINUX says where)");
    }
    there
}

/// A VM that runs Linux.
pub struct Linux {
    pub qemu: Qemu,
    pub client: Client,
    pub events: Events,
    console: BufReader<UnixStream>,
    /// Addresses of symbols of its kernel.
    pub symbols: Vec<u64>,
}

/// What the guest says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// Its clock.
    pub up: Duration,
    /// How often it did its work.
    pub rounds: u64,
    /// What went wrong.
    pub bad: u64,
}

impl Linux {
    /// Starts it; whether it gets so far that it answers within `limit` is for the caller to see.
    pub async fn boot(
        program: &Path,
        folder: &Path,
        more: &[&str],
        work: &str,
        limit: Duration,
    ) -> (Self, bool) {
        let scratch = tempfile::tempdir_in("/tmp").unwrap();
        let serial = scratch.path().join("serial");
        let kernel = folder.join("vmlinuz");
        let initrd = folder.join("initrd");
        // A clock that QEMU's timers drive, and no guess at the speed of a CPU.
        let append = format!("console=ttyS0 panic=-1 quiet clocksource=hpet work={work}");
        let serial_option = format!("unix:{},server=on,wait=off", serial.display());
        let common = [
            "-M",
            "q35",
            "-m",
            "256",
            "-smp",
            "2",
            "-kernel",
            kernel.to_str().unwrap(),
            "-initrd",
            initrd.to_str().unwrap(),
            "-append",
            &append,
            "-serial",
            &serial_option,
        ];
        let qemu = Qemu::start(program, &[&common, more].concat());
        let (client, events) = connect_and_listen(&qemu).await;
        let console = BufReader::new(UnixStream::connect(&serial).await.unwrap());
        let mut linux = Self {
            qemu,
            client,
            events,
            console,
            symbols: Vec::new(),
        };
        linux.execute("cont").await;
        let ready = linux.until_ready(limit).await;
        (linux, ready)
    }

    async fn until_ready(&mut self, limit: Duration) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < limit {
            let Some(line) = self.line(Duration::from_millis(500)).await else {
                if self.execute("query-status").await["running"] == false {
                    return false;
                }
                continue;
            };
            let mut words = line.split_ascii_whitespace();
            match (words.next(), words.next()) {
                (Some("READY"), _) => return true,
                (Some("symbol"), Some(address)) => {
                    let address = u64::from_str_radix(address, 16).unwrap();
                    self.symbols.push(address);
                }
                _ => {}
            }
        }
        false
    }

    /// The next line on its console; what comes of one that does not end in time is lost.
    async fn line(&mut self, limit: Duration) -> Option<String> {
        let mut line = Vec::new();
        let read = self.console.read_until(b'\n', &mut line);
        matches!(timeout(limit, read).await, Ok(Ok(1..)))
            .then(|| String::from_utf8_lossy(&line).into_owned())
    }

    /// Asks for its report.
    pub async fn report(&mut self) -> Report {
        self.console.get_mut().write_all(b"\n").await.unwrap();
        loop {
            let line = self.line(Duration::from_secs(30)).await;
            let line = line.expect("the guest does not answer");
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            if let ["clock", up, "rounds", rounds, "bad", bad] = words.as_slice() {
                return Report {
                    up: Duration::from_secs_f64(up.parse().unwrap()),
                    rounds: rounds.parse().unwrap(),
                    bad: bad.parse().unwrap(),
                };
            }
        }
    }

    pub async fn execute(&self, command: &str) -> Value {
        self.client.execute(command, Value::Null).await.unwrap()
    }
}
