// SPDX-License-Identifier: GPL-2.0-or-later
//! The mock as a target: in this process, or as a program where a signal is to reach it.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mock_qmp::{Address, MockQmp, MonitorOptions, Recording, Server, Timing};

use crate::run::Target;

/// The monitors and whether they are pretty.
const MONITORS: &[(&str, &str, bool)] = &[
    ("A", "q.sock", false),
    ("B", "q2.sock", false),
    ("C", "qp.sock", true),
];

pub struct MockTarget {
    folder: tempfile::TempDir,
    /// Taken when the machine ends.
    server: Option<Server>,
    process: Option<Child>,
}

fn folder() -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix("mock-qmp-")
        .tempdir_in("/tmp")
        .unwrap()
}

impl MockTarget {
    /// Serves a recording in this process.
    pub fn serve(recording: Recording) -> Self {
        let folder = folder();
        let address = |file: &str| Address::Unix(folder.path().join(file));
        let monitors: Vec<_> = MONITORS
            .iter()
            .map(|(_, file, pretty)| (address(file), MonitorOptions { pretty: *pretty }))
            .collect();
        let server = MockQmp::from_recording(recording)
            .timing(Timing::Recorded)
            .serve_monitors(&monitors)
            .unwrap();
        Self {
            folder,
            server: Some(server),
            process: None,
        }
    }

    /// Serves a recording's file by the program.
    pub fn spawn(recording: &Path) -> Self {
        let folder = folder();
        let mut command = Command::new(env!("CARGO_BIN_EXE_mock-qmp"));
        command.arg("serve").arg(recording).stdout(Stdio::null());
        for (_, file, pretty) in MONITORS {
            let option = if *pretty {
                "--listen-pretty"
            } else {
                "--listen"
            };
            command.arg(option).arg(folder.path().join(file));
        }
        let process = command.spawn().unwrap();
        let limit = Instant::now() + Duration::from_secs(10);
        while !folder.path().join("qp.sock").exists() && Instant::now() < limit {
            std::thread::sleep(Duration::from_millis(10));
        }
        Self {
            folder,
            server: None,
            process: Some(process),
        }
    }

    fn event(&self, event: &str, data: serde_json::Value) -> serde_json::Value {
        let time = Instant::now().elapsed().as_secs();
        serde_json::json!({"timestamp": {"seconds": time, "microseconds": 0}, "event": event, "data": data})
    }

    fn gone(&mut self) -> bool {
        let limit = Instant::now() + Duration::from_secs(5);
        while Instant::now() < limit {
            let gone = match &mut self.process {
                Some(process) => process.try_wait().unwrap().is_some(),
                None => self.server.as_ref().is_none_or(Server::has_ended),
            };
            if gone {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

impl Target for MockTarget {
    fn connect(&mut self, monitor: &str) -> UnixStream {
        let (_, file, _) = MONITORS.iter().find(|(name, ..)| *name == monitor).unwrap();
        UnixStream::connect(self.folder.path().join(file)).unwrap()
    }

    fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    fn guest(&mut self, action: &str) {
        let server = self.server.as_ref().unwrap();
        match action {
            "shutdown" => {
                let data = serde_json::json!({"guest": true, "reason": "guest-shutdown"});
                server.end(Some(&self.event("SHUTDOWN", data)));
            }
            "reset" => {
                // The firmware resets the machine once more on its own.
                let data = serde_json::json!({"guest": true, "reason": "guest-reset"});
                server.send_event(&self.event("RESET", data.clone()));
                server.send_event(&self.event("RESET", data));
            }
            "rtc" => server.send_event(&self.event("RTC_CHANGE", serde_json::json!({"offset": 0}))),
            other => panic!("{other}"),
        }
    }

    fn signal(&mut self, name: &str) {
        let process = self.process.as_ref().unwrap();
        crate::process::signal(process, name);
    }

    fn claim(&mut self, claim: &str) -> Result<(), String> {
        match claim {
            // The mock has no built-in monitor.
            _ if claim.starts_with("HMP: ") => Ok(()),
            "process gone" if self.gone() => Ok(()),
            _ if claim.starts_with("process still there") => Ok(()),
            _ => {
                let Some(files) = claim.strip_prefix("socket files left: ") else {
                    return Err(claim.to_owned());
                };
                let left: Vec<_> = MONITORS
                    .iter()
                    .map(|(_, file, _)| *file)
                    .filter(|file| self.folder.path().join(file).exists())
                    .filter(|file| !files.contains(&format!("'{file}'")))
                    .collect();
                let missing = MONITORS
                    .iter()
                    .map(|(_, file, _)| *file)
                    .filter(|file| files.contains(&format!("'{file}'")));
                let missing: Vec<_> = missing
                    .filter(|file| !self.folder.path().join(file).exists())
                    .collect();
                if left.is_empty() && missing.is_empty() {
                    Ok(())
                } else {
                    Err(format!("{claim}: {left:?} {missing:?}"))
                }
            }
        }
    }
}

impl Drop for MockTarget {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // It may have ended.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
