// SPDX-License-Identifier: GPL-2.0-or-later
//! `mock-qmp serve` and its like, through the program.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::{Value, json};

/// A mock that is ended with the test.
struct Mock {
    folder: tempfile::TempDir,
    child: Child,
}

impl Drop for Mock {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client, of QMP or of the control socket.
struct Client(BufReader<UnixStream>);

fn recordings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../recordings")
}

fn machine() -> String {
    recordings().join("10.0-x86_64-q35").display().to_string()
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_mock-qmp"))
}

impl Mock {
    /// Starts it with what the options say; `{}` in them is the test's folder.
    fn start(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().display().to_string();
        let mut child = program()
            .arg("serve")
            .args(options.iter().map(|option| option.replace("{}", &place)))
            .args(["--listen", &format!("unix:{place}/qmp")])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.as_mut().unwrap());
        output.read_line(&mut line).unwrap();
        if !line.starts_with("listening on ") {
            let mut text = String::new();
            child
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut text)
                .unwrap();
            panic!("{text}");
        }
        Self { folder, child }
    }

    fn scripted(script: &str, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mock.toml");
        std::fs::write(&path, script).unwrap();
        let mut all = vec!["--script", path.to_str().unwrap()];
        all.extend(options);
        Self::start(&all)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn connect(&self, name: &str) -> Client {
        let end = Instant::now() + Duration::from_secs(5);
        let stream = loop {
            match UnixStream::connect(self.path(name)) {
                Ok(stream) => break stream,
                Err(error) => assert!(Instant::now() < end, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        Client(BufReader::new(stream))
    }

    fn client(&self) -> Client {
        let mut client = self.connect("qmp");
        assert!(client.line()["QMP"].is_object());
        assert_eq!(client.ask("qmp_capabilities", json!({})), json!({}));
        client
    }

    /// Interrupts it, and returns its exit code and what it said.
    fn end(mut self) -> (Option<i32>, String) {
        if self.child.try_wait().unwrap().is_none() {
            let pid = rustix::process::Pid::from_raw(self.child.id().cast_signed()).unwrap();
            // It may have ended in between.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let mut text = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        (self.child.wait().unwrap().code(), text)
    }
}

impl Client {
    fn send(&mut self, message: &Value) {
        let line = format!("{message}\n");
        self.0.get_mut().write_all(line.as_bytes()).unwrap();
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or(Value::Null)
    }

    /// What a request returned, or its error; events on the way are passed over.
    fn ask(&mut self, command: &str, arguments: Value) -> Value {
        let request = json!({"execute": command, "arguments": arguments}).to_string();
        // What is behind `quit` would reset the connection.
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        loop {
            let mut reply = self.line();
            match reply.get_mut("return").map(Value::take) {
                Some(returned) => return returned,
                None if reply.get("event").is_some() => {}
                None => return reply["error"]["desc"].take(),
            }
        }
    }

    fn event(&mut self, name: &str) -> Value {
        loop {
            let mut line = self.line();
            assert!(!line.is_null(), "no {name}");
            if line["event"] == name {
                return line["data"].take();
            }
        }
    }

    fn order(&mut self, order: Value) -> Value {
        self.send(&order);
        self.line()
    }
}

fn run(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

const STATUS: &str = r#"{"format":1}
{"request":{"execute":"query-status"},"at":1}
{"reply":{"return":{"status":"prelaunch","running":false}},"at":1}
{"moment":1,"at":2}
{"request":{"execute":"cont"},"at":2}
{"event":{"timestamp":{"seconds":1,"microseconds":2},"event":"RESUME"},"at":2}
{"reply":{"return":{}},"at":2}
{"moment":2,"at":3}
{"request":{"execute":"device_add","arguments":{"driver":"usb-kbd","id":"k"}},"at":3}
{"reply":{"return":{}},"at":3}
{"moment":3,"at":4}
{"request":{"execute":"device_del","arguments":{"id":"k"}},"at":4}
{"reply":{"return":{}},"at":4}
{"event":{"timestamp":{"seconds":1,"microseconds":3},"event":"DEVICE_DELETED","data":{"device":"k","path":"/k"}},"at":5}
{"moment":4,"at":6}
{"request":{"execute":"no-such-command"},"at":6}
{"reply":{"error":{"class":"CommandNotFound","desc":"The command no-such-command has not been found"}},"at":6}
"#;

/// The session as a file of its own.
fn session(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session.qmp");
    std::fs::write(&path, text).unwrap();
    let name = path.display().to_string();
    (folder, name)
}

#[rstest]
#[case(&[], false, false)]
#[case(&["--files", "none"], false, false)]
#[case(&["--files", "{}/own"], false, true)]
#[case(&["--files", "real"], true, false)]
fn files_are_written_where_that_was_asked_for(
    #[case] options: &[&str],
    #[case] real: bool,
    #[case] own: bool,
) {
    let machine = machine();
    let mock = Mock::start(&[&[machine.as_str()], options].concat());
    let target = tempfile::tempdir_in("/tmp").unwrap();
    let file = target.path().join("screen.ppm");
    std::fs::write(&file, "mine").unwrap();
    let mut client = mock.client();
    let filename = file.display().to_string();
    assert_eq!(
        client.ask("screendump", json!({"filename": filename})),
        json!({})
    );
    let is_mine = std::fs::read(&file).unwrap() == b"mine";
    assert_eq!(is_mine, !real);
    let below = mock.path("own").join(file.strip_prefix("/").unwrap());
    assert_eq!(below.exists(), own);
    if own {
        assert!(std::fs::read(&below).unwrap().starts_with(b"P6"));
    }
}

#[test]
fn what_a_migration_wrote_is_there_when_it_is_asked_for() {
    let machine = machine();
    let mock = Mock::start(&[&machine, "--files", "{}/own"]);
    let mut client = mock.client();
    client.ask("cont", json!({}));
    assert_eq!(
        client.ask("migrate", json!({"uri": "file:/tmp/there/state"})),
        json!({})
    );
    let written = std::fs::read(mock.path("own/tmp/there/state")).unwrap();
    assert!(
        written.starts_with(b"QEVM") && written.len() > 4096,
        "{} bytes",
        written.len()
    );
}

#[test]
fn a_session_that_is_repeated_is_clean_in_strict_mode() {
    let (_folder, session) = session(STATUS);
    // The schema, by which the unknown command is refused before it is looked up.
    let schema =
        std::fs::read_to_string(recordings().join("schemas/2fd7c31f20045a12.json")).unwrap();
    std::fs::write(_folder.path().join("schema.json"), schema).unwrap();
    let mock = Mock::start(&[&session, "--mode", "strict"]);
    let mut client = mock.client();
    client.ask("query-status", json!({}));
    client.ask("cont", json!({}));
    client.ask("device_add", json!({"driver": "usb-kbd", "id": "k"}));
    client.ask("device_del", json!({"id": "k"}));
    client.event("DEVICE_DELETED");
    assert_eq!(
        client.ask("no-such-command", json!({})),
        "The command no-such-command has not been found"
    );
    assert_eq!(mock.end(), (Some(0), String::new()));
}

#[test]
fn the_state_follows_events() {
    let (_folder, session) = session(STATUS);
    let mock = Mock::start(&[&session]);
    let mut client = mock.client();
    let status = |client: &mut Client| client.ask("query-status", json!({}))["status"].take();
    assert_eq!(status(&mut client), "prelaunch");
    assert_eq!(
        client.ask("device_del", json!({"id": "k"})),
        "Device 'k' not found"
    );
    client.ask("cont", json!({}));
    assert_eq!(status(&mut client), "running");
    assert_eq!(
        client.ask("device_add", json!({"driver": "usb-kbd", "id": "k"})),
        json!({})
    );
    assert_eq!(
        client.ask("device_add", json!({"driver": "usb-kbd", "id": "k"})),
        "Duplicate device ID 'k'"
    );
    assert_eq!(client.ask("device_del", json!({"id": "k"})), json!({}));
    assert_eq!(client.event("DEVICE_DELETED")["device"], "k");
    assert_eq!(
        client.ask("device_del", json!({"id": "k"})),
        "Device 'k' not found"
    );
}

#[test]
fn a_change_that_was_left_out_is_reported_as_the_cause() {
    let (_folder, session) = session(STATUS);
    let mock = Mock::start(&[
        &session,
        "--mode",
        "free-reads",
        "--report",
        "json",
        "{}/report.json",
    ]);
    let mut client = mock.client();
    let refused = client.ask("device_add", json!({"driver": "usb-kbd", "id": "k"}));
    let refused = refused.as_str().unwrap();
    assert!(
        refused.contains("left out: ") && refused.contains("\"execute\":\"cont\""),
        "{refused}"
    );
    client.ask("device_add", json!({"driver": "usb-mouse", "id": "k"}));
    let report = mock.path("report.json");
    let end = Instant::now() + Duration::from_secs(5);
    let report = loop {
        let text = std::fs::read_to_string(&report).unwrap_or_default();
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        if value["report"]["unmatched"]
            .as_array()
            .is_some_and(|all| all.len() == 2)
        {
            break value;
        }
        assert!(Instant::now() < end, "{text}");
        std::thread::sleep(Duration::from_millis(20));
    };
    let second = &report["report"]["unmatched"][1];
    assert_eq!(
        second["differences"][0],
        json!({"member": "driver", "sent": "\"usb-mouse\"", "recorded": "\"usb-kbd\""})
    );
    let (code, text) = mock.end();
    assert_eq!(code, Some(1));
    assert!(
        text.starts_with("left out: ") && text.contains("1 request follow"),
        "{text}"
    );
    assert!(
        text.contains("driver: \"usb-mouse\", recorded: \"usb-kbd\""),
        "{text}"
    );
}

#[test]
fn a_report_is_junit_too() {
    let machine = machine();
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.xml");
    let path = report.to_str().unwrap();
    let mock = Mock::start(&[&machine, "--mode", "free-reads", "--report", "junit", path]);
    let mut client = mock.client();
    client.ask("query-nothing", json!({}));
    assert_eq!(mock.end().0, Some(1));
    let text = std::fs::read_to_string(&report).unwrap();
    assert!(
        text.contains("failures=\"1\"") && text.contains("query-nothing"),
        "{text}"
    );
}

#[test]
fn events_carry_the_time_of_now() {
    let (_folder, session) = session(STATUS);
    for (choice, old) in [("now", false), ("recorded", true)] {
        let mock = Mock::start(&[&session, "--timestamps", choice]);
        let mut client = mock.client();
        client.send(&json!({"execute": "cont"}));
        assert_eq!(client.line()["timestamp"]["seconds"] == 1, old);
    }
}

#[test]
fn a_machine_starts_again_if_that_is_asked_for() {
    let (_folder, session) = session(STATUS);
    let mock = Mock::start(&[&session, "--repeat", "--mode", "free-reads"]);
    for _ in 0..3 {
        let mut client = mock.client();
        assert_eq!(client.ask("query-status", json!({}))["status"], "prelaunch");
        client.ask("cont", json!({}));
        assert_eq!(client.ask("quit", json!({})), json!({}));
        assert!(client.line().is_null());
    }
    assert_eq!(mock.end(), (Some(0), String::new()));
}

#[test]
fn input_behind_quit_resets_the_connection() {
    let (_folder, session) = session(STATUS);
    let mock = Mock::start(&[&session]);
    let mut client = mock.client();
    let stream = client.0.get_mut();
    stream
        .write_all(b"{\"execute\":\"quit\"}{\"execute\":\"query-status\"}")
        .unwrap();
    let mut rest = Vec::new();
    let error = client.0.read_to_end(&mut rest).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(
        String::from_utf8_lossy(&rest).contains("SHUTDOWN"),
        "what came before is there"
    );
}

#[rstest]
#[case(&["serve", "{}", "--listen", "unix:/nowhere/q"], "unix:/nowhere/q: No such file")]
#[case(&["record", "--qemu", "unix:/nowhere/q", "--listen", "unix:/nowhere/p", "--output", "/nowhere"], "unix:/nowhere/q: No such file")]
#[case(&["serve", "no-such-machine", "--listen", "unix:/tmp/q"], "no-such-machine")]
#[case(&["serve", "{}", "--listen", "unix:/tmp/q", "--map", "x=y"], "expected /RECORDED=/HERE")]
#[case(&["serve", "{}", "--listen", "unix:/tmp/q", "--ignore", "x"], "'x' is not COMMAND.MEMBER")]
#[case(&["serve", "{}", "--listen", "unix:/tmp/q", "--fault", "error:nth=0"], "nth=0")]
fn errors_name_what_they_are_about(#[case] arguments: &[&str], #[case] expected: &str) {
    let (_folder, session) = session(STATUS);
    let arguments: Vec<_> = arguments
        .iter()
        .map(|word| word.replace("{}", &session))
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = run(&arguments);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains(expected), "{text}");
}

#[test]
fn names_and_folders_may_be_others_here() {
    let text = r#"{"format":1}
{"moment":1,"at":1}
{"request":{"execute":"blockdev-add","arguments":{"driver":"file","node-name":"n","filename":"/recorded/disk"}},"at":1}
{"reply":{"return":{}},"at":1}
{"request":{"execute":"query-named-block-nodes"},"at":2}
{"reply":{"return":[{"node-name":"n","file":"/recorded/disk"}]},"at":2}
"#;
    let (_folder, session) = session(text);
    let mock = Mock::start(&[
        &session,
        "--mode",
        "strict",
        "--map",
        "/recorded=/here",
        "--ignore",
        "blockdev-add.node-name",
    ]);
    let mut client = mock.client();
    let node = json!({"driver": "file", "node-name": "mine", "filename": "/here/disk"});
    assert_eq!(client.ask("blockdev-add", node), json!({}));
    let nodes = client.ask("query-named-block-nodes", json!({}));
    assert_eq!(nodes, json!([{"node-name": "mine", "file": "/here/disk"}]));
    assert_eq!(mock.end().0, Some(0));
}

const SCRIPT: &str = r#"
machine = "{machine}"
states = { mode = "good" }

[[rule]]
command = "device_del"
arguments = { id = "nic${number}" }
return = {}
after = [{ event = "DEVICE_DELETED", data = { device = "nic${number}", path = "/nic" }, after-ms = 20 }]

[[rule]]
command = "query-name"
when = { mode = "good" }
times = 2
return = { name = "vm" }

[[rule]]
command = "query-name"
error = { class = "DeviceNotFound", desc = "no name since ${number}" }

[[rule]]
command = "system_reset"
return = {}
set = { mode = "bad" }
fault = "duplicate"
"#;

fn script() -> String {
    SCRIPT.replace("{machine}", &machine())
}

#[test]
fn a_script_answers_alone() {
    let mock = Mock::scripted(&script(), &[]);
    let mut client = mock.client();
    assert_eq!(client.ask("query-name", json!({})), json!({"name": "vm"}));
    assert_eq!(client.ask("device_del", json!({"id": "nic7"})), json!({}));
    assert_eq!(client.event("DEVICE_DELETED")["device"], "nic7");
    client.ask("system_reset", json!({}));
    assert_eq!(client.line()["return"], json!({}), "the same reply again");
    assert_eq!(client.ask("query-name", json!({})), "no name since 7");
    assert_eq!(
        client.ask("device_del", json!({"id": 7})),
        "Invalid parameter type for 'id', expected: string",
        "the schema checks requests"
    );
    let unknown = client.ask("query-nothing", json!({}));
    assert_eq!(unknown, "The command query-nothing has not been found");
    assert!(
        client
            .ask("query-commands", json!({}))
            .as_array()
            .unwrap()
            .len()
            > 100
    );
}

#[test]
fn a_script_is_in_front_of_a_recording() {
    let script =
        "[[rule]]\ncommand = \"query-status\"\nreturn = { status = \"debug\" }\ntimes = 1\n";
    let machine = machine();
    let mock = Mock::scripted(script, &[&machine]);
    let mut client = mock.client();
    let statuses = [(); 2].map(|()| client.ask("query-status", json!({}))["status"].take());
    assert_eq!(statuses, ["debug", "prelaunch"]);
}

#[rstest]
#[case("[[rule]]\n", "missing field `command`")]
#[case(
    "[[rule]]\ncommand = \"x\"\nreturn = 1\nsilence = true\n",
    "rule 1 (x): one of"
)]
#[case("[[rule]]\ncommand = \"x\"\nfault = \"y\"\n", "'y' is not a fault")]
#[case("ignore = [\"x\"]\n", "'x' is not COMMAND.MEMBER")]
#[case("x = 1\n", "unknown field `x`")]
fn a_script_that_is_none_is_refused(#[case] script: &str, #[case] expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mock.toml");
    std::fs::write(&path, script).unwrap();
    let output = run(&[
        "serve",
        "--script",
        path.to_str().unwrap(),
        "--listen",
        "unix:/nowhere/q",
    ]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.contains(expected) && text.contains("mock.toml"),
        "{text}"
    );
}

#[test]
fn the_control_socket_does_what_it_is_told() {
    let machine = machine();
    let mock = Mock::start(&[
        &machine,
        "--mode",
        "free-reads",
        "--control",
        "unix:{}/control",
    ]);
    let mut control = mock.connect("control");
    let mut client = mock.client();
    let pushed = json!({"do": "event", "event": "STOP"});
    assert_eq!(control.order(pushed), json!({"ok": true}));
    client.event("STOP");
    assert_eq!(client.ask("query-status", json!({}))["status"], "paused");
    let rule = json!({"do": "rule", "rule": {"command": "query-name", "return": {"name": "x"}}});
    let added = control.order(rule);
    assert_eq!(client.ask("query-name", json!({})), json!({"name": "x"}));
    assert_eq!(
        control.order(json!({"do": "remove", "rule": added["rule"]}))["ok"],
        true
    );
    assert_eq!(
        client.ask("query-name", json!({})),
        json!({"name": "parity-q35"})
    );
    assert_eq!(
        control.order(json!({"do": "fault", "fault": "error,command=query-kvm"}))["ok"],
        true
    );
    assert!(client.ask("query-kvm", json!({})).is_string());
    let seen = control.order(json!({"do": "wait", "command": "query-kvm"}));
    assert_eq!(seen["request"]["command"], "query-kvm");
    let missing = control.order(json!({"do": "wait", "command": "quit", "timeout-ms": 20}));
    assert_eq!(
        missing,
        json!({"ok": false, "error": "no quit came within 20 ms"})
    );
    assert_eq!(
        control.order(json!({"do": "moment", "moment": 1}))["ok"],
        true
    );
    assert_eq!(
        control.order(json!({"do": "moment", "moment": 999_999}))["ok"],
        false
    );
    client.ask("query-nothing", json!({}));
    let report = control.order(json!({"do": "report"}));
    assert_eq!(
        (
            &report["clean"],
            report["report"]["unmatched"].as_array().unwrap().len()
        ),
        (&json!(false), 1)
    );
    for broken in [
        json!(1),
        json!({"do": "dance"}),
        json!({"do": "rule", "rule": {}}),
    ] {
        assert_eq!(control.order(broken)["ok"], false);
    }
    assert_eq!(control.order(json!({"do": "reset"}))["ok"], true);
    let mut again = mock.client();
    assert_eq!(again.ask("query-status", json!({}))["status"], "prelaunch");
    assert_eq!(
        control.order(json!({"do": "requests"}))["requests"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(control.order(json!({"do": "quit"}))["ok"], true);
    again.event("SHUTDOWN");
    assert_eq!(mock.end(), (Some(0), String::new()));
}

#[test]
fn the_control_socket_is_its_owners() {
    use std::os::unix::fs::PermissionsExt as _;
    let machine = machine();
    let mock = Mock::start(&[&machine, "--control", "unix:{}/control"]);
    let mode = std::fs::metadata(mock.path("control"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn machines_are_listed_and_found_by_name() {
    let output = program()
        .arg("list")
        .env("MOCK_QMP_RECORDINGS", recordings())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    for release in ["7.2", "10.0", "11.1"] {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{release}-x86_64-q35 ")));
        assert!(
            line.unwrap().contains("one machine of first, main"),
            "{text}"
        );
    }
    let output = program()
        .args([
            "check",
            "7.2-x86_64-q35",
            "10.0-x86_64-q35",
            "11.1-x86_64-q35",
        ])
        .env("MOCK_QMP_RECORDINGS", recordings())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}

#[test]
fn a_block_node_has_the_name_that_the_other_session_says() {
    let machine = machine();
    let mock = Mock::start(&[&machine, "--mode", "free-reads"]);
    let mut client = mock.client();
    client.ask("cont", json!({}));
    let arguments =
        json!({"job-id": "j", "tag": "first", "vmstate": "#block999", "devices": ["#block999"]});
    assert_eq!(client.ask("snapshot-save", arguments), json!({}));
    let blocks = client.ask("query-block", json!({}));
    assert_eq!(blocks[0]["inserted"]["node-name"], "#block999");
    assert_eq!(mock.end().0, Some(0));
}

#[test]
fn contradictions_between_topics_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let named = |name: &str| {
        format!(
            "{{\"format\":1}}\n{{\"request\":{{\"execute\":\"query-name\"}},\"at\":1}}\n{{\"reply\":{{\"return\":{{\"name\":\"{name}\"}}}},\"at\":1}}\n"
        )
    };
    for topic in ["a", "b"] {
        std::fs::write(folder.path().join(format!("{topic}.qmp")), named(topic)).unwrap();
    }
    let description = "arch = \"x86_64\"\nmachine = \"q35\"\ntopics = [\"a\", \"b\"]\n[qemu]\nmajor = 10\nminor = 0\nmicro = 2\n";
    std::fs::write(folder.path().join("machine.toml"), description).unwrap();
    let output = run(&["check", folder.path().to_str().unwrap()]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text.contains("b.qmp:2: query-name is answered otherwise at") && text.contains("a.qmp:2"),
        "{text}"
    );
}
