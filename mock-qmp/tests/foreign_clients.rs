// SPDX-License-Identifier: GPL-2.0-or-later
//! Clients that nobody here wrote: the qemu.qmp package for Python, its qmp-shell, and socat. Each
//! test is skipped, and says so, where its client is not installed.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::print_stderr, reason = "skipped tests say so")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use mock_qmp::{MockQmp, Mode, Recording, Server};

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

const RELEASES: [&str; 3] = ["7.2", "10.0", "11.1"];

/// The shipped machine of a release, where every miss is reported.
fn machine(release: &str) -> (tempfile::TempDir, Server) {
    let folder = tempfile::Builder::new()
        .prefix("mock-qmp-")
        .tempdir_in("/tmp")
        .unwrap();
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("../recordings");
    let recording =
        Recording::load_machine(recordings.join(format!("{release}-x86_64-q35"))).unwrap();
    let server = MockQmp::from_recording(recording)
        .mode(Mode::FreeReads)
        .serve_unix(folder.path().join("q"))
        .unwrap();
    (folder, server)
}

/// The target of a migration; `file:` came with QEMU 8.2.
fn target(release: &str) -> &'static str {
    match release {
        "7.2" => "exec:cat > /tmp/there/state",
        _ => "file:/tmp/there/state",
    }
}

#[test]
fn qmp_shell_on_shipped_machines() {
    if !installed("qmp-shell", &["--help"]) {
        return;
    }
    for release in RELEASES {
        let (folder, server) = machine(release);
        let node = first_node(release);
        let input = format!(
            "query-status\ncont\nquery-status\ndevice_add driver=usb-kbd id=mine\ndevice_del id=mine\n\
             query-block\nsnapshot-save job-id=mine tag=mine vmstate={node} devices=[\"{node}\"]\n\
             query-jobs\njob-dismiss id=mine\nmigrate-set-capabilities capabilities=[{{\"capability\":\"events\",\"state\":true}}]\n\
             migrate uri={}\nquery-migrate\nquit\n",
            target(release).replace(' ', "")
        );
        let output = run(
            Command::new("qmp-shell").arg(folder.path().join("q")),
            &input,
        );
        let text = String::from_utf8_lossy(&output.stdout);
        for status in ["prelaunch", "running", "concluded"] {
            assert!(
                text.contains(&format!("\"status\": \"{status}\"")),
                "{release}: {text}"
            );
        }
        if release != "7.2" {
            // Its shell takes no blanks in a word, and the recorded target has some.
            server
                .finish()
                .unwrap_or_else(|left| panic!("{release}: {left}"));
        }
    }
}

#[test]
fn qmp_shell_of_the_built_in_on_shipped_machines() {
    if !installed("qmp-shell", &["--help"]) {
        return;
    }
    for release in RELEASES {
        let (folder, server) = machine(release);
        let migrate = match release {
            "7.2" => format!("\"{}\"", target(release)),
            _ => target(release).to_owned(),
        };
        let input = format!(
            "info status\ninfo block\ninfo version\ninfo registers\ncont\ninfo status\n\
             device_add usb-kbd,id=kbd1\ninfo usb\ndevice_del kbd1\nsavevm first\ninfo snapshots\n\
             migrate -d {migrate}\ninfo migrate\nquit\n"
        );
        let output = run(
            Command::new("qmp-shell")
                .arg("-H")
                .arg(folder.path().join("q")),
            &input,
        );
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        for part in [
            "VM status: paused (prelaunch)",
            "disk0",
            "EIP=",
            "VM status: running",
            "QEMU USB Keyboard",
            "first",
        ] {
            assert!(
                text.contains(part),
                "{release}: no {part} in {text}{errors}"
            );
        }
        server
            .finish()
            .unwrap_or_else(|left| panic!("{release}: {left}"));
    }
}

/// The name that QEMU made up for the shipped machine's disk: a script can't look.
fn first_node(release: &str) -> String {
    let folder = format!("{}/../recordings", env!("CARGO_MANIFEST_DIR"));
    let file = format!("{folder}/{release}-x86_64-q35/first.qmp");
    let text = std::fs::read_to_string(file).unwrap();
    let (_, name) = text.split_once("\"vmstate\":\"").unwrap();
    name[..name.find('"').unwrap()].to_owned()
}

#[test]
fn socat_on_shipped_machines() {
    if !installed("socat", &["-V"]) {
        return;
    }
    for release in RELEASES {
        let (folder, server) = machine(release);
        let node = first_node(release);
        let lines = [
            r#"{"execute":"qmp_capabilities"}"#.to_owned(),
            r#"{"execute":"query-status"}"#.to_owned(),
            r#"{"execute":"cont"}"#.to_owned(),
            r#"{"execute":"device_add","arguments":{"driver":"usb-kbd","id":"mine"}}"#.to_owned(),
            r#"{"execute":"device_del","arguments":{"id":"mine"}}"#.to_owned(),
            r#"{"execute":"query-pci"}"#.to_owned(),
            format!(
                r#"{{"execute":"snapshot-save","arguments":{{"job-id":"mine","tag":"mine",
                    "vmstate":"{node}","devices":["{node}"]}}}}"#
            ),
            r#"{"execute":"query-jobs"}"#.to_owned(),
            r#"{"execute":"job-dismiss","arguments":{"id":"mine"}}"#.to_owned(),
            format!(
                r#"{{"execute":"migrate","arguments":{{"uri":"{}"}}}}"#,
                target(release)
            ),
            r#"{"execute":"quit","id":"end"}"#.to_owned(),
        ];
        let address = format!("UNIX-CONNECT:{}", folder.path().join("q").display());
        let output = run(
            Command::new("socat").args(["-t5", "-", &address]),
            &lines.join("\n"),
        );
        let text = String::from_utf8_lossy(&output.stdout);
        let events = ["RESUME", "DEVICE_DELETED", "JOB_STATUS_CHANGE", "SHUTDOWN"];
        for event in events {
            assert!(
                text.contains(&format!("\"event\": \"{event}\"")),
                "{release}: {text}"
            );
        }
        server
            .finish()
            .unwrap_or_else(|left| panic!("{release}: {left}"));
    }
}
