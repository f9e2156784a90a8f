// SPDX-License-Identifier: GPL-2.0-or-later
//! A first test in Rust: what is tested starts a machine; the shipped one answers.
#![expect(clippy::print_stdout, reason = "an example says how it went")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use mock_qmp::{MockQmp, Mode, Recording};

/// What is tested: starts the machine and returns its state.
fn start(path: &Path) -> std::io::Result<String> {
    let mut client = BufReader::new(UnixStream::connect(path)?);
    let mut line = String::new();
    client.read_line(&mut line)?;
    for command in ["qmp_capabilities", "cont", "query-status"] {
        let request = format!("{{\"execute\": \"{command}\"}}");
        client.get_mut().write_all(request.as_bytes())?;
        line.clear();
        while !line.contains("\"return\"") {
            line.clear();
            if client.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
    let reply: serde_json::Value = serde_json::from_str(&line)?;
    Ok(reply["return"]["status"]
        .as_str()
        .unwrap_or_default()
        .to_owned())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("../recordings");
    let recording = Recording::load_machine(recordings.join("10.0-x86_64-q35"))?;
    let folder = tempfile::tempdir()?;
    let socket = folder.path().join("qmp");
    let server = MockQmp::from_recording(recording)
        .mode(Mode::FreeReads)
        .serve_unix(&socket)?;
    assert_eq!(start(&socket)?, "running");
    // An error would say what was not as recorded.
    server.finish()?;
    println!("the machine runs");
    Ok(())
}
