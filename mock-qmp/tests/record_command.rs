// SPDX-License-Identifier: GPL-2.0-or-later
//! `mock-qmp record`: what it writes, who may read it, and what it does not replace.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use mock_qmp::{MockQmp, Recording, Server};
use serde_json::json;

/// A QEMU to record, and the folder that recordings go to.
struct Bench {
    folder: tempfile::TempDir,
    _qemu: Server,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let qemu = MockQmp::scripted()
            .command("query-target", json!({"arch": "x86_64"}))
            .command("qom-get", json!("q35-machine"))
            .command("query-machines", json!([]))
            .command("query-qmp-schema", json!([]))
            .command("query-status", json!({"status": "running"}))
            .command("query-name", json!({"name": "vm"}))
            .serve_unix(folder.path().join("qemu"))
            .unwrap();
        Self {
            folder,
            _qemu: qemu,
        }
    }

    fn start(&self, options: &[&str]) -> Child {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        Command::new(env!("CARGO_BIN_EXE_mock-qmp"))
            .args(["record", "--clients", "1"])
            .args(["--qemu", &path("qemu"), "--listen", &path("proxy")])
            .args(["--output", &path("recordings")])
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Waits until clients may come: the first line says so.
    fn ready(&self, recorder: &mut Child) -> BufReader<UnixStream> {
        let mut line = String::new();
        let mut output = BufReader::new(recorder.stdout.as_mut().unwrap());
        output.read_line(&mut line).unwrap();
        assert!(line.starts_with("recording into "), "{line}");
        let proxy = self.folder.path().join("proxy");
        let stream = loop {
            match UnixStream::connect(&proxy) {
                Ok(stream) => break stream,
                Err(_) => {
                    assert!(recorder.try_wait().unwrap().is_none(), "it ended at once");
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
            }
        };
        let mut client = BufReader::new(stream);
        client.read_line(&mut line).unwrap();
        ask(&mut client, "qmp_capabilities");
        client
    }

    /// Records one client that asks this.
    fn record(&self, options: &[&str], command: &str) {
        let mut recorder = self.start(options);
        let mut client = self.ready(&mut recorder);
        ask(&mut client, command);
        drop(client);
        assert!(recorder.wait().unwrap().success());
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder
            .path()
            .join("recordings/10.0.2-x86_64-q35")
            .join(name)
    }

    fn mode(&self, name: &str) -> u32 {
        let metadata = std::fs::metadata(self.file(name)).unwrap();
        metadata.permissions().mode() & 0o777
    }

    /// The commands that the recording holds.
    fn recorded(&self) -> Vec<String> {
        let recording = Recording::load(self.file("main.qmp")).unwrap();
        let entries = recording.topic().entries().iter();
        entries.map(|entry| entry.command.clone()).collect()
    }
}

fn ask(client: &mut BufReader<UnixStream>, command: &str) {
    let request = json!({"execute": command}).to_string();
    client.get_mut().write_all(request.as_bytes()).unwrap();
    let mut line = String::new();
    client.read_line(&mut line).unwrap();
    assert!(line.starts_with("{\"return\""), "{line}");
}

#[test]
fn only_the_owner_reads_what_is_recorded() {
    let bench = Bench::new();
    bench.record(&[], "query-status");
    assert_eq!(bench.recorded(), ["qmp_capabilities", "query-status"]);
    let modes = ["main.qmp", "machine.toml"].map(|name| bench.mode(name));
    assert_eq!(modes, [0o600; 2]);
    assert!(!bench.file("main.qmp.part").exists());
}

#[test]
fn a_recording_is_replaced_only_where_that_is_asked_for() {
    let bench = Bench::new();
    bench.record(&[], "query-status");
    let mut refused = bench.start(&[]);
    assert_eq!(refused.wait().unwrap().code(), Some(2));
    let mut text = String::new();
    let mut errors = refused.stderr.take().unwrap();
    errors.read_to_string(&mut text).unwrap();
    assert!(
        text.ends_with("/main.qmp: exists already; --overwrite replaces it\n"),
        "{text}"
    );
    assert_eq!(bench.recorded(), ["qmp_capabilities", "query-status"]);
    bench.record(&["--topic", "other"], "query-name");

    let mut recorder = bench.start(&["--overwrite"]);
    let mut client = bench.ready(&mut recorder);
    ask(&mut client, "query-name");
    assert_eq!(bench.recorded(), ["qmp_capabilities", "query-status"]);
    drop(client);
    assert!(recorder.wait().unwrap().success());
    assert_eq!(bench.recorded(), ["qmp_capabilities", "query-name"]);
}

#[test]
fn without_a_client_nothing_is_replaced() {
    let bench = Bench::new();
    bench.record(&[], "query-status");
    let mut recorder = bench.start(&["--overwrite"]);
    let mut output = BufReader::new(recorder.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    let pid = rustix::process::Pid::from_raw(recorder.id().try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert!(recorder.wait().unwrap().success());
    assert_eq!(bench.recorded(), ["qmp_capabilities", "query-status"]);
    assert!(!bench.file("main.qmp.part").exists());
}

#[test]
fn what_is_recorded_once_is_answered_from_then_on() {
    let bench = Bench::new();
    bench.record(&["--mode", "once"], "query-status");
    let mut mock = bench.start(&["--mode", "once"]);
    let mut line = String::new();
    let mut output = BufReader::new(mock.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    assert!(line.starts_with("answering from "), "{line}");
    output.read_line(&mut line).unwrap();
    let stream = UnixStream::connect(bench.folder.path().join("proxy")).unwrap();
    let mut client = BufReader::new(stream);
    client.read_line(&mut line).unwrap();
    ask(&mut client, "qmp_capabilities");
    ask(&mut client, "query-status");
    mock.kill().unwrap();
    mock.wait().unwrap();
    assert_eq!(bench.recorded(), ["qmp_capabilities", "query-status"]);
}

#[test]
fn further_sessions_are_topics_of_the_same_machine() {
    let bench = Bench::new();
    bench.record(&[], "query-status");
    bench.record(&["--mode", "append"], "query-name");
    assert_eq!(bench.recorded(), ["qmp_capabilities", "query-status"]);
    let description = std::fs::read_to_string(bench.file("machine.toml")).unwrap();
    assert!(
        description.contains("topics = [\"main\", \"main-2\"]"),
        "{description}"
    );
    let machine = Recording::load_machine(bench.file("")).unwrap();
    let commands = machine.topic().entries().iter();
    let commands: Vec<_> = commands.map(|entry| entry.command.as_str()).collect();
    assert_eq!(
        commands[1..],
        ["query-status", "qmp_capabilities", "query-name"]
    );
}

#[test]
fn members_of_ones_own_are_secrets_too() {
    let bench = Bench::new();
    bench.record(&["--secret", "name"], "query-name");
    let text = std::fs::read_to_string(bench.file("main.qmp")).unwrap();
    assert!(
        text.contains("\"name\":\"(scrubbed)\"") && !text.contains("\"vm\""),
        "{text}"
    );
}
