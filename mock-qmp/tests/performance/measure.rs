// SPDX-License-Identifier: GPL-2.0-or-later
//! Measures what the mock does: for a test that asserts, and for a benchmark that prints.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use mock_qmp::{MockQmp, Recording};

const REQUEST: &[u8] = b"{\"execute\":\"query-status\",\"id\":1}\n";
const REPLY_LENGTH: usize =
    "{\"return\": {\"status\": \"running\", \"running\": true}, \"id\": 1}\r\n".len();

fn session(entries: usize, filler: usize) -> String {
    let mut text = "{\"format\":1,\"topic\":\"main\"}\n".to_owned();
    text.push_str("{\"request\":{\"execute\":\"query-status\"},\"at\":0}\n");
    text.push_str("{\"reply\":{\"return\":{\"status\":\"running\",\"running\":true}},\"at\":0}\n");
    let value = "{\"name\":\"property\",\"type\":\"string\"},".repeat(filler);
    for number in 0..entries {
        let request = format!(
            "{{\"execute\":\"qom-list\",\"arguments\":{{\"path\":\"/machine/{number}\"}}}}"
        );
        writeln!(text, "{{\"request\":{request},\"at\":1}}").unwrap();
        writeln!(
            text,
            "{{\"reply\":{{\"return\":[{}]}},\"at\":1}}",
            value.trim_end_matches(',')
        )
        .unwrap();
    }
    text
}

/// Sends so many requests as fast as they go and waits for the answers.
fn ask(path: &std::path::Path, requests: usize) -> Duration {
    let mut stream = UnixStream::connect(path).unwrap();
    let mut buffer = vec![0; 1 << 20];
    let _ = stream.read(&mut buffer).unwrap();
    stream
        .write_all(b"{\"execute\":\"qmp_capabilities\"}")
        .unwrap();
    let _ = stream.read(&mut buffer).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let start = Instant::now();
    let sender = std::thread::spawn(move || {
        let batch = REQUEST.repeat(1000);
        for _ in 0..requests / 1000 {
            writer.write_all(&batch).unwrap();
        }
    });
    let mut left = requests / 1000 * 1000 * REPLY_LENGTH;
    while left > 0 {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "the mock closed with {left} bytes missing");
        left -= count;
    }
    sender.join().unwrap();
    start.elapsed()
}

/// The process's resident memory in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// What was measured.
pub struct Figures {
    /// Replies a second, with requests pipelined on one Unix socket.
    pub rate: f64,
    /// KiB by which memory grew over all requests, after a warm-up.
    pub grown: u64,
    /// Recordings: bytes, and the shortest of five times to load them. One of large replies, one of
    /// many small ones.
    pub loads: [(usize, Duration); 2],
}

/// Measures with so many requests.
pub fn measure(requests: usize) -> Figures {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q");
    let recording = Recording::from_text("main.qmp", &session(10, 5), None).unwrap();
    let _server = MockQmp::from_recording(recording)
        .serve_unix(&path)
        .unwrap();
    ask(&path, requests / 5);
    let before = resident();
    let time = ask(&path, requests);
    let grown = resident().saturating_sub(before);
    let loads = [(500, 300), (25_000, 1)].map(|(entries, filler)| {
        let text = session(entries, filler);
        let file = folder.path().join("big.qmp");
        std::fs::write(&file, &text).unwrap();
        let times = (0..5).map(|_| {
            let start = Instant::now();
            let recording = Recording::load(&file).unwrap();
            assert_eq!(recording.topic().entries().len(), entries + 1);
            start.elapsed()
        });
        (text.len(), times.min().unwrap())
    });
    Figures {
        rate: requests as f64 / time.as_secs_f64(),
        grown,
        loads,
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "{:.0} replies a second, memory grew by {} KiB",
            self.rate, self.grown
        )?;
        for (bytes, time) in self.loads {
            writeln!(
                f,
                "{bytes} bytes loaded in {:.1} ms",
                time.as_secs_f64() * 1e3
            )?;
        }
        Ok(())
    }
}
