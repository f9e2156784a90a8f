// SPDX-License-Identifier: GPL-2.0-or-later
//! Clients that nobody here wrote: the qemu.qmp package for Python, its qmp-shell, and socat. Each
//! test is skipped, and says so, where its client is not installed.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::print_stderr, reason = "skipped tests say so")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use mock_qmp::{MockQmp, Recording, Server};

fn serve() -> (tempfile::TempDir, Server) {
    let folder = tempfile::Builder::new()
        .prefix("mock-qmp-")
        .tempdir_in("/tmp")
        .unwrap();
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/recordings");
    let recording = Recording::load(recordings.join("10.0.2-x86_64-q35/paused.qmp")).unwrap();
    let server = MockQmp::from_recording(recording)
        .serve_unix(folder.path().join("q"))
        .unwrap();
    (folder, server)
}

/// Whether a command can be run at all.
fn installed(program: &str, arguments: &[&str]) -> bool {
    let run = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    let there = run.is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("skipped: no {program} {}", arguments.join(" "));
    }
    there
}

/// Runs a client, which must end by itself, with this input.
fn run(command: &mut Command, input: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn the_python_example() {
    if !installed("python3", &["-c", "import qemu.qmp"]) {
        return;
    }
    let (folder, server) = serve();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/client.py");
    let output = run(
        Command::new("python3")
            .arg(example)
            .arg(folder.path().join("q")),
        "",
    );
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let expected = [
        "after 20 queries: paused",
        "event RESUME",
        "event STOP",
        "now: paused",
        "event SHUTDOWN",
    ];
    assert_eq!(text.lines().skip(1).collect::<Vec<_>>(), expected);
    assert!(server.has_ended());
}

#[test]
fn qmp_shell() {
    if !installed("qmp-shell", &["--help"]) {
        return;
    }
    let (folder, server) = serve();
    let input = "query-status\n".repeat(20) + "cont\nstop\nquery-status\nquit\n";
    let output = run(
        Command::new("qmp-shell").arg(folder.path().join("q")),
        &input,
    );
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.matches("\"status\": \"paused\"").count(), 21, "{text}");
    assert!(server.has_ended());
}

#[test]
fn socat() {
    if !installed("socat", &["-V"]) {
        return;
    }
    let (folder, server) = serve();
    let input = "{\"execute\":\"qmp_capabilities\"}\n".to_owned()
        + &"{\"execute\":\"query-status\"}\n".repeat(20)
        + "{\"execute\":\"cont\"}\n{\"execute\":\"stop\"}\n{\"execute\":\"quit\",\"id\":\"end\"}\n";
    let address = format!("UNIX-CONNECT:{}", folder.path().join("q").display());
    let output = run(Command::new("socat").args(["-t5", "-", &address]), &input);
    let text = String::from_utf8_lossy(&output.stdout);
    let events = ["RESUME", "STOP", "SHUTDOWN"]
        .map(|event| text.contains(&format!("\"event\": \"{event}\"")));
    assert_eq!(events, [true; 3], "{text}");
    assert_eq!(text.matches("\"status\": \"paused\"").count(), 20, "{text}");
    assert!(
        text.ends_with("{\"return\": {}, \"id\": \"end\"}\r\n"),
        "{text}"
    );
    assert!(server.has_ended());
}
