// SPDX-License-Identifier: GPL-2.0-or-later
//! `--upstream`: a QEMU answers what the recording does not hold. A mock is the QEMU here.

use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mock_qmp::{Answer, MockQmp, Recording, Server};
use rstest::rstest;
use serde_json::{Value, json};

use crate::mock::{Client, Mock, connect, program};

/// The machine that was recorded: it was started, and that is all.
const RECORDED: &str = r#"{"format":1}
{"request":{"execute":"query-status"},"at":1}
{"reply":{"return":{"status":"prelaunch","running":false}},"at":1}
{"request":{"execute":"query-name"},"at":1}
{"reply":{"return":{"name":"recorded"}},"at":1}
{"moment":1,"at":2}
{"request":{"execute":"cont"},"at":2}
{"event":{"timestamp":{"seconds":1,"microseconds":2},"event":"RESUME"},"at":2}
{"reply":{"return":{}},"at":2}
{"request":{"execute":"query-status"},"at":3}
{"reply":{"return":{"status":"running","running":true}},"at":3}
"#;

const DESCRIPTION: &str = "arch = \"x86_64\"\nmachine = \"q35\"\n\
    [qemu]\nmajor = 10\nminor = 0\nmicro = 2\n";

/// The recording, and the QEMU.
struct Bench {
    folder: tempfile::TempDir,
    qemu: Option<Server>,
}

/// A QEMU that is in this state at first.
fn qemu(version: &str, state: &str) -> MockQmp {
    let run = std::sync::Arc::new(std::sync::Mutex::new(state.to_owned()));
    let set = |state: &'static str, event: &str| {
        let run = run.clone();
        let event = json!({"event": event});
        move |_: &Value| {
            state.clone_into(&mut run.lock().unwrap());
            Answer::from(json!({})).event_before(&event)
        }
    };
    let now = run.clone();
    let status = move |_: &Value| {
        let state = now.lock().unwrap().clone();
        json!({"running": state == "running", "status": state}).into()
    };
    let version_reply = json!({"package": "", "qemu": {"major": 10, "minor": 0, "micro": 2}});
    MockQmp::scripted()
        .version(version)
        .command("query-version", version_reply)
        .command("query-target", json!({"arch": "x86_64"}))
        .command("qom-get", json!("q35-machine"))
        .command("query-machines", json!([]))
        .command("query-qmp-schema", json!([]))
        .command("query-name", json!({"name": "real"}))
        .command("query-uuid", json!({"UUID": "real"}))
        .command_with("query-status", status)
        .command_with("cont", set("running", "RESUME"))
        .command_with("stop", set("paused", "STOP"))
        .command("set_password", json!({}))
}

impl Bench {
    fn new(qemu: MockQmp) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        std::fs::create_dir(place("vm")).unwrap();
        std::fs::write(place("vm/main.qmp"), RECORDED).unwrap();
        std::fs::write(place("vm/machine.toml"), DESCRIPTION).unwrap();
        let qemu = qemu.control(place("control"));
        let qemu = Some(qemu.serve_unix(place("qemu")).unwrap());
        Self { folder, qemu }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn mock(&self, options: &[&str]) -> Mock {
        let (vm, qemu) = (self.text("vm"), self.text("qemu"));
        let own = [vm.as_str(), "--upstream", &qemu];
        Mock::start(&[&own, options].concat())
    }

    /// What the QEMU was asked, behind the probe and the mock's own question.
    fn asked(&self) -> Vec<String> {
        let requests = self.qemu.as_ref().unwrap().requests();
        let commands = requests.into_iter().map(|request| request.command);
        let mut commands: Vec<String> = commands.collect();
        let first = commands.iter().rposition(|name| name == "qmp_capabilities");
        commands.split_off(first.unwrap() + 2)
    }
}

fn status(client: &mut Client) -> Value {
    client.ask("query-status", json!({}))["status"].take()
}

#[test]
fn what_is_recorded_comes_from_the_recording_and_the_rest_from_the_qemu() {
    let bench = Bench::new(qemu("10.0.2", "prelaunch"));
    let mock = bench.mock(&[]);
    let mut client = mock.client();
    assert_eq!(client.ask("query-name", json!({}))["name"], "recorded");
    assert_eq!(bench.asked(), [""; 0]);
    assert_eq!(client.ask("query-uuid", json!({}))["UUID"], "real");
    assert_eq!(bench.asked(), ["query-uuid"]);
    assert_eq!(client.ask("query-name", json!({}))["name"], "recorded");
    assert_eq!(bench.asked(), ["query-uuid"]);
    assert_eq!(mock.end(), (Some(0), String::new()));
}

#[test]
fn the_qemu_first_makes_the_changes_that_the_recording_answered() {
    let bench = Bench::new(qemu("10.0.2", "prelaunch"));
    let mock = bench.mock(&[]);
    let mut client = mock.client();
    client.send(&json!({"execute": "cont", "id": 1}));
    assert_eq!(client.line()["event"], "RESUME");
    assert_eq!(client.line(), json!({"return": {}, "id": 1}));
    client.send(&json!({"execute": "query-uuid", "id": 2}));
    // The QEMU's own RESUME is not sent: the recording has sent it.
    assert_eq!(client.line(), json!({"return": {"UUID": "real"}, "id": 2}));
    assert_eq!(bench.asked(), ["cont", "query-uuid"]);
    // This state is recorded, and the other is not.
    assert_eq!(status(&mut client), "running");
    assert_eq!(client.ask("query-name", json!({}))["name"], "real");
    assert_eq!(bench.asked(), ["cont", "query-uuid", "query-name"]);
}

#[test]
fn behind_a_change_that_is_not_recorded_the_qemu_answers_everything() {
    let bench = Bench::new(qemu("10.0.2", "prelaunch"));
    let mock = bench.mock(&[]);
    let mut client = mock.client();
    client.send(&json!({"execute": "stop", "id": 1}));
    assert_eq!(client.line()["event"], "STOP");
    assert_eq!(client.line(), json!({"return": {}, "id": 1}));
    assert_eq!(status(&mut client), "paused");
    assert_eq!(client.ask("query-name", json!({}))["name"], "real");
    client.ask("cont", json!({}));
    let asked = ["stop", "query-status", "query-name", "cont"];
    assert_eq!(bench.asked(), asked);
    // It ends with it, too.
    assert_eq!(client.ask("quit", json!({})), json!({}));
    assert!(client.line().is_null());
    assert_eq!(mock.end(), (Some(0), String::new()));
    assert!(bench.qemu.as_ref().unwrap().has_ended());
}

#[test]
fn what_the_qemu_answers_is_added_to_the_recording() {
    let bench = Bench::new(qemu("10.0.2", "prelaunch"));
    let mock = bench.mock(&["--record", "--secret", "UUID"]);
    let mut client = mock.client();
    client.ask("cont", json!({}));
    assert_eq!(client.ask("query-uuid", json!({}))["UUID"], "real");
    let secret = json!({"protocol": "vnc", "password": "geheim"});
    assert_eq!(client.ask("set_password", secret.clone()), json!({}));
    assert_eq!(status(&mut client), "running");
    assert_eq!(mock.end().0, Some(0));
    let added = std::fs::read_to_string(bench.path("vm/main-2.qmp")).unwrap();
    for kept in ["geheim", "\"real\""] {
        assert!(!added.contains(kept), "{added}");
    }
    let recording = Recording::load(bench.path("vm/main-2.qmp")).unwrap();
    let entries = recording.topic().entries().iter();
    let commands: Vec<_> = entries.map(|entry| entry.command.as_str()).collect();
    let expected = ["qmp_capabilities", "query-status", "cont", "query-uuid"];
    assert_eq!(commands[..4], expected);
    assert_eq!(commands[4..], ["set_password", "query-status"]);

    // The same session needs no QEMU any more.
    let vm = bench.text("vm");
    let again = Mock::start(&[&vm, "--mode", "free-reads"]);
    let mut client = again.client();
    client.ask("cont", json!({}));
    assert!(client.ask("query-uuid", json!({}))["UUID"].is_string());
    assert_eq!(client.ask("set_password", secret), json!({}));
    assert_eq!(status(&mut client), "running");
    assert_eq!(again.end(), (Some(0), String::new()));
}

#[test]
fn nothing_is_added_where_the_recording_answers_everything() {
    let bench = Bench::new(qemu("10.0.2", "prelaunch"));
    let mock = bench.mock(&["--record"]);
    let mut client = mock.client();
    client.ask("cont", json!({}));
    assert_eq!(mock.end().0, Some(0));
    let mut names = std::fs::read_dir(bench.path("vm")).unwrap();
    let is_added = |name: &str| name.contains("main-2");
    assert!(!names.any(|entry| is_added(entry.unwrap().file_name().to_str().unwrap())));
}

#[rstest]
#[case(
    "9.2.0",
    "prelaunch",
    "is QEMU 9.2.0, and what is recorded is QEMU 10.0.2"
)]
#[case(
    "10.0.2",
    "running",
    "is 'running', and what is recorded is 'prelaunch' at its start"
)]
fn a_qemu_that_is_another_is_refused(
    #[case] version: &str,
    #[case] state: &str,
    #[case] expected: &str,
) {
    let bench = Bench::new(qemu(version, state));
    let (vm, qemu) = (bench.text("vm"), bench.text("qemu"));
    let output = crate::mock::run(&[
        "serve",
        &vm,
        "--upstream",
        &qemu,
        "--record",
        "--listen",
        &bench.text("qmp"),
    ]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains(expected), "{text}");
    assert!(!bench.path("vm/main-2.qmp.part").exists());
}

#[test]
fn without_the_qemu_the_recording_goes_on_alone() {
    let mut bench = Bench::new(qemu("10.0.2", "prelaunch"));
    let mock = bench.mock(&[]);
    let mut client = mock.client();
    assert_eq!(client.ask("query-uuid", json!({}))["UUID"], "real");
    drop(bench.qemu.take());
    let lost = loop {
        let answer = client.ask("query-uuid", json!({}));
        if let Some(text) = answer.as_str() {
            break text.to_owned();
        }
    };
    assert_eq!(
        lost,
        "not recorded in this state, and the QEMU behind it is gone: \
         {\"execute\":\"query-uuid\"}"
    );
    assert_eq!(client.ask("query-name", json!({}))["name"], "recorded");
    client.ask("cont", json!({}));
    assert_eq!(status(&mut client), "running");
    let (code, report) = mock.end();
    assert_eq!(code, Some(1));
    assert!(report.contains("the QEMU behind it is gone"), "{report}");
}

#[test]
fn a_qemu_that_does_not_follow_is_not_asked_any_more() {
    let refusing =
        qemu("10.0.2", "prelaunch").command("cont", Answer::error("GenericError", "no power"));
    let bench = Bench::new(refusing);
    let mock = bench.mock(&[]);
    let mut client = mock.client();
    client.ask("cont", json!({}));
    for _ in 0..2 {
        let refused = client.ask("query-uuid", json!({}));
        let refused = refused.as_str().unwrap();
        assert!(
            refused.contains("refuses {\"execute\":\"cont\"}") && refused.contains("no power"),
            "{refused}"
        );
    }
    assert_eq!(bench.asked(), ["cont"]);
    assert_eq!(status(&mut client), "running");
    assert_eq!(mock.end().0, Some(1));
}

#[test]
fn descriptors_go_to_the_qemu_too() {
    // A recording as the QEMU: passed descriptors are its own business.
    let bench = Bench::new(qemu("10.0.2", "prelaunch"));
    let (vm, probed) = (bench.text("vm"), bench.text("probed"));
    std::fs::create_dir(&probed).unwrap();
    std::fs::write(bench.path("probed/main.qmp"), PROBED).unwrap();
    std::fs::write(bench.path("probed/machine.toml"), DESCRIPTION).unwrap();
    let behind = Mock::start(&[&probed]);
    let place = behind.path("qmp").display().to_string();
    let mock = Mock::start(&[&vm, "--upstream", &place]);
    let mut client = mock.client();
    let file = std::fs::File::open("/dev/null").unwrap();
    let request = b"{\"execute\": \"add-fd\", \"arguments\": {\"fdset-id\": 7}}";
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = rustix::net::SendAncillaryBuffer::new(&mut space);
    let rights = [file.as_fd()];
    control.push(rustix::net::SendAncillaryMessage::ScmRights(&rights));
    let slices = [std::io::IoSlice::new(request)];
    let flags = rustix::net::SendFlags::empty();
    rustix::net::sendmsg(client.0.get_ref(), &slices, &mut control, flags).unwrap();
    let reply = client.line();
    assert_eq!(reply["return"]["fdset-id"], 7, "{reply}");
    let sets = client.ask("query-fdsets", json!({}));
    assert_eq!(sets[0]["fds"][0]["fd"], reply["return"]["fd"], "{sets}");
    let none = client.ask("add-fd", json!({}));
    assert_eq!(none, "No file descriptor supplied via SCM_RIGHTS");
}

/// A process that is ended with the test.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts something that listens on a socket, and waits until it does.
fn listening(command: &mut Command, socket: &Path) -> Running {
    let running = Running(command.stdout(Stdio::null()).spawn().unwrap());
    let end = Instant::now() + Duration::from_secs(60);
    while !socket.exists() {
        assert!(Instant::now() < end, "{} is not there", socket.display());
        std::thread::sleep(Duration::from_millis(10));
    }
    running
}

/// Records a QEMU, lets another of its kind answer what that recording lacks, and needs none in the
/// end.
#[test]
fn a_recording_that_grows_with_real_qemus() {
    let listed = std::env::var("HMP_TEST_QEMUS");
    let listed = listed.unwrap_or_else(|_| "qemu-system-x86_64".to_owned());
    for qemu in listed.split(':').filter(|path| path.ends_with("x86_64")) {
        if Command::new(qemu).arg("--version").output().is_err() {
            eprintln!("skipped: no {qemu}");
            continue;
        }
        let folder = tempfile::Builder::new()
            .prefix("mock-qmp-")
            .tempdir_in("/tmp")
            .unwrap();
        let place = |name: &str| folder.path().join(name);
        let text = |name: &str| place(name).display().to_string();
        let machine = |name: &str| {
            let mut command = Command::new(qemu);
            let socket = format!("unix:{},server=on,wait=off", text(name));
            command.args(["-M", "q35", "-S", "-nodefaults", "-display", "none"]);
            command.args(["-device", "qemu-xhci,id=usb", "-qmp", &socket]);
            listening(&mut command, &place(name))
        };
        let first = machine("first");
        let mut recorder = listening(
            program()
                .args(["record", "--clients", "1", "--qemu", &text("first")])
                .args(["--listen", &text("proxy"), "--output", &text("")]),
            &place("proxy"),
        );
        let mut client = connect(&place("proxy"));
        assert_eq!(status(&mut client), "prelaunch");
        client.ask("cont", json!({}));
        assert_eq!(status(&mut client), "running");
        drop(client);
        assert!(recorder.0.wait().unwrap().success());
        drop(first);
        let mut folders = std::fs::read_dir(folder.path()).unwrap();
        let recording = folders
            .find_map(|entry| {
                let path = entry.unwrap().path();
                path.join("main.qmp").exists().then_some(path)
            })
            .unwrap();
        let recording = recording.display().to_string();

        let second = machine("second");
        let upstream = ["--upstream", &text("second"), "--record"];
        let mock = Mock::start(&[&[recording.as_str()], &upstream[..]].concat());
        session(&mut mock.client());
        assert_eq!(mock.end(), (Some(0), String::new()), "{qemu}");
        drop(second);
        assert!(Path::new(&recording).join("main-2.qmp").exists());

        let mock = Mock::start(&[&recording, "--mode", "free-reads"]);
        session(&mut mock.client());
        assert_eq!(mock.end(), (Some(0), String::new()), "{qemu}");
    }

    fn session(client: &mut Client) {
        assert_eq!(status(client), "prelaunch");
        client.ask("cont", json!({}));
        assert_eq!(status(client), "running");
        let name = json!({"path": "/machine/peripheral/usb", "property": "type"});
        assert_eq!(client.ask("qom-get", name), "qemu-xhci");
        let mouse = json!({"driver": "usb-mouse", "id": "mouse"});
        assert_eq!(client.ask("device_add", mouse), json!({}));
        let name = json!({"path": "/machine/peripheral/mouse", "property": "type"});
        assert_eq!(client.ask("qom-get", name), "usb-mouse");
        assert_eq!(client.ask("device_del", json!({"id": "mouse"})), json!({}));
        assert_eq!(client.event("DEVICE_DELETED")["device"], "mouse");
        client.ask("stop", json!({}));
        assert_eq!(status(client), "paused");
        assert_eq!(client.ask("quit", json!({})), json!({}));
    }
}

/// What the probe asks of a machine that is itself a mock.
const PROBED: &str = r#"{"format":1}
{"request":{"execute":"query-target"},"at":1}
{"reply":{"return":{"arch":"x86_64"}},"at":1}
{"request":{"execute":"qom-get","arguments":{"path":"/machine","property":"type"}},"at":1}
{"reply":{"return":"q35-machine"},"at":1}
{"request":{"execute":"query-machines"},"at":1}
{"reply":{"return":[]},"at":1}
{"request":{"execute":"query-qmp-schema"},"at":1}
{"reply":{"return":[]},"at":1}
{"request":{"execute":"query-status"},"at":1}
{"reply":{"return":{"status":"prelaunch","running":false}},"at":1}
"#;
