// SPDX-License-Identifier: GPL-2.0-or-later
//! The program as a test starts it, and its clients.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A mock that is ended with the test.
pub struct Mock {
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
pub struct Client(pub BufReader<UnixStream>);

pub fn recordings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../recordings")
}

pub fn machine() -> String {
    machine_of("10.0")
}

/// The shipped machine of a release.
pub fn machine_of(release: &str) -> String {
    let folder = recordings().join(format!("{release}-x86_64-q35"));
    folder.display().to_string()
}

pub fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_mock-qmp"))
}

impl Mock {
    /// Starts it with what the options say; `{}` in them is the test's folder.
    pub fn start(options: &[&str]) -> Self {
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

    pub fn scripted(script: &str, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mock.toml");
        std::fs::write(&path, script).unwrap();
        let mut all = vec!["--script", path.to_str().unwrap()];
        all.extend(options);
        Self::start(&all)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn connect(&self, name: &str) -> Client {
        open(&self.path(name))
    }

    pub fn client(&self) -> Client {
        connect(&self.path("qmp"))
    }

    /// Waits until it ends by itself.
    pub fn wait(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Interrupts it, and returns its exit code and what it said.
    pub fn end(mut self) -> (Option<i32>, String) {
        if self.child.try_wait().unwrap().is_none() {
            let pid = rustix::process::Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
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
    pub fn send(&mut self, message: &Value) {
        let line = format!("{message}\n");
        self.0.get_mut().write_all(line.as_bytes()).unwrap();
    }

    pub fn line(&mut self) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or(Value::Null)
    }

    /// What a request returned, or its error; events on the way are passed over.
    pub fn ask(&mut self, command: &str, arguments: Value) -> Value {
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

    pub fn event(&mut self, name: &str) -> Value {
        loop {
            let mut line = self.line();
            assert!(!line.is_null(), "no {name}");
            if line["event"] == name {
                return line["data"].take();
            }
        }
    }

    pub fn order(&mut self, order: Value) -> Value {
        self.send(&order);
        self.line()
    }
}

/// Connects to a socket, which may not be there yet.
fn open(path: &Path) -> Client {
    let end = Instant::now() + Duration::from_secs(5);
    let stream = loop {
        match UnixStream::connect(path) {
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

/// A client that has negotiated.
pub fn connect(path: &Path) -> Client {
    let mut client = open(path);
    assert!(client.line()["QMP"].is_object());
    assert_eq!(client.ask("qmp_capabilities", json!({})), json!({}));
    client
}

pub fn run(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

/// A session: the machine is started, and a device comes and goes.
pub const STATUS: &str = r#"{"format":1}
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
pub fn session(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session.qmp");
    std::fs::write(&path, text).unwrap();
    let name = path.display().to_string();
    (folder, name)
}
