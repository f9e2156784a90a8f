// SPDX-License-Identifier: GPL-2.0-or-later
//! What a small recording may make the mock hold. One test, so that nothing else runs in its
//! process.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::MetadataExt as _;

use mock_qmp::{Files, MockQmp, Recording, recording};

/// The most memory that the process held so far, in KiB.
fn most() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or_default()
}

#[test]
fn zeros_take_no_memory() {
    const ZEROS: u64 = 268_435_000;
    const WRITES: usize = 12;
    let folder = tempfile::tempdir().unwrap();
    let memory = folder.path().join("memory");
    let arguments = serde_json::json!({"val": 0, "size": ZEROS, "filename": memory});
    let request = serde_json::json!({"execute": "memsave", "arguments": arguments});
    let wrote = serde_json::json!({"to": memory, "data": [{"zeros": ZEROS}, {"text": "end"}]});
    let entry = format!(
        "{{\"request\":{request},\"at\":1}}\n{{\"wrote\":{wrote},\"at\":1}}\n{{\"reply\":{{\"return\":{{}}}},\"at\":1}}\n"
    );
    let file = folder.path().join("main.qmp");
    std::fs::write(&file, "{\"format\":1}\n".to_owned() + &entry.repeat(WRITES)).unwrap();
    let before = most();
    assert!(before > 0, "no VmHWM in /proc/self/status");
    assert_eq!(recording::check(&file).unwrap(), Vec::<String>::new());
    let recording = Recording::load(&file).unwrap();
    let (server, client) = MockQmp::from_recording(recording)
        .files(Files::Real)
        .serve_pair()
        .unwrap();
    let mut client = BufReader::new(client);
    let mut reply = String::new();
    client.read_line(&mut reply).unwrap();
    client
        .get_mut()
        .write_all(format!("{{\"execute\":\"qmp_capabilities\"}}{request}").as_bytes())
        .unwrap();
    for _ in 0..2 {
        reply.clear();
        client.read_line(&mut reply).unwrap();
        assert_eq!(reply, "{\"return\": {}}\r\n");
    }
    server.finish().unwrap();
    let written = std::fs::metadata(&memory).unwrap();
    assert_eq!(written.size(), ZEROS + 3);
    let grown = most() - before;
    assert!(grown < 64 * 1024, "memory grew by {grown} KiB");
}
