// SPDX-License-Identifier: GPL-2.0-or-later
//! The binary `hmp`, and a mock for it to talk to.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use assert_cmd::Command;
use mock_qmp::{Answer, MockQmp, Server};
use serde_json::json;
use tempfile::TempDir;

/// A running mock on a unix socket in a folder of its own.
pub struct Mock {
    pub server: Option<Server>,
    pub folder: TempDir,
    /// The names of the commands that change something, as they arrive.
    pub changes: Receiver<&'static str>,
}

impl Mock {
    /// A mock of QEMU 10.0.2 that is running; `more` may add to it.
    pub fn start_with(more: impl FnOnce(MockQmp) -> MockQmp) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), more)
    }

    /// One in the place of an earlier one.
    pub fn start_at(folder: TempDir) -> Self {
        Self::start_in(folder, |mock| mock)
    }

    fn start_in(folder: TempDir, more: impl FnOnce(MockQmp) -> MockQmp) -> Self {
        let (note, changes) = channel();
        let mut mock = MockQmp::scripted()
            .version("10.0.2")
            .command("query-target", json!({"arch": "x86_64"}))
            .command(
                "query-status",
                json!({"status": "running", "running": true}),
            )
            .command("query-name", json!({"name": "vm"}));
        for name in ["stop", "cont", "system_reset"] {
            let note = note.clone();
            mock = mock.command_with(name, move |_| {
                let _ = note.send(name);
                Answer::from(json!({}))
            });
        }
        // Never answered.
        mock = mock.command_with("system_powerdown", move |_| {
            let _ = note.send("system_powerdown");
            Answer::silence()
        });
        let server = more(mock).serve_unix(folder.path().join("q")).unwrap();
        Self {
            server: Some(server),
            folder,
            changes,
        }
    }

    pub fn start() -> Self {
        Self::start_with(|mock| mock)
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("q")
    }

    /// `hmp` with this mock as its address.
    pub fn hmp(&self) -> Command {
        let mut command = hmp();
        command.arg(self.path());
        command
    }

    /// Waits until a command that changes something has arrived.
    pub fn change(&self) -> &'static str {
        self.changes.recv_timeout(Duration::from_secs(10)).unwrap()
    }
}

/// The binary, which must end within a minute.
pub fn hmp() -> Command {
    let mut command = Command::new(binary());
    command.timeout(Duration::from_secs(60));
    command
}

/// The program, with the signals as at their start: who runs the tests in the background has it
/// ignore SIGINT, under `nohup` SIGHUP too, and what is ignored stays ignored.
pub fn heeding() -> std::process::Command {
    let mut command = std::process::Command::new("env");
    command.arg("--default-signal=HUP,INT,TERM").arg(binary());
    command
}

pub fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_hmp"))
}

/// What a run wrote and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub stdout: String,
    pub stderr: String,
    pub code: Option<i32>,
}

pub fn run(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    let ran = Ran {
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        code: output.status.code(),
    };
    assert!(!ran.stderr.contains("panicked"), "{ran:?}");
    ran
}
