// SPDX-License-Identifier: GPL-2.0-or-later
//! A real QEMU as a target.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::process::signal;
use crate::run::Target;

pub struct LiveTarget {
    folder: tempfile::TempDir,
    process: Child,
    hmp: Option<UnixStream>,
}

/// A QEMU's version by its own account, such as `10.0.2`.
pub fn version(qemu: &Path) -> Option<String> {
    let output = Command::new(qemu).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let rest = text.split("version ").nth(1)?;
    Some(rest.split([' ', '\n']).next()?.to_owned())
}

impl LiveTarget {
    /// Starts a machine and brings it into the state that a case wants.
    pub fn start(qemu: &Path, vm: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("mock-qmp-")
            .tempdir_in("/tmp")
            .unwrap();
        let socket =
            |name: &str| format!("unix:{}/{name},server=on,wait=off", folder.path().display());
        let mut command = Command::new(qemu);
        command.args([
            "-M", "q35", "-S", "-display", "none", "-name", "proto", "-accel", "tcg",
        ]);
        command.args([
            "-qmp",
            &socket("q.sock"),
            "-qmp",
            &socket("q2.sock"),
            "-qmp-pretty",
            &socket("qp.sock"),
        ]);
        command.args([
            "-monitor",
            &socket("h.sock"),
            "-qtest",
            &socket("qt.sock"),
            "-qtest-log",
            "none",
        ]);
        match vm {
            "preconfig" => command.args(["-vga", "none", "--preconfig"]),
            _ => command.args([
                "-nodefaults",
                "-blockdev",
                "null-co,node-name=n0",
                "-device",
                "pcie-root-port,id=rp0,chassis=1",
            ]),
        };
        if vm == "no-shutdown" {
            command.arg("-no-shutdown");
        }
        let process = command
            .current_dir("/tmp")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut target = Self {
            folder,
            process,
            hmp: None,
        };
        target.hmp = Some(target.socket("h.sock"));
        let setup: &[&str] = match vm {
            "running" => &["cont"],
            "paused" => &["cont", "stop"],
            _ => &[],
        };
        if !setup.is_empty() {
            target.prepare(setup);
        }
        target
    }

    fn socket(&mut self, name: &str) -> UnixStream {
        let path = self.folder.path().join(name);
        let limit = Instant::now() + Duration::from_secs(20);
        loop {
            match UnixStream::connect(&path) {
                Ok(stream) => return stream,
                Err(error) => {
                    assert!(Instant::now() < limit, "{}: {error}", path.display());
                    assert!(
                        self.process.try_wait().unwrap().is_none(),
                        "QEMU ended at once"
                    );
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        }
    }

    fn prepare(&mut self, commands: &[&str]) {
        let stream = self.connect("B");
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        for command in ["qmp_capabilities"].iter().chain(commands) {
            let request = format!("{{\"execute\":\"{command}\"}}");
            reader.get_mut().write_all(request.as_bytes()).unwrap();
            line.clear();
            while !line.starts_with("{\"return\"") {
                line.clear();
                assert!(
                    reader.read_line(&mut line).unwrap() > 0,
                    "QEMU ended in {command}"
                );
            }
        }
        drop(reader);
        // The firmware's own events are not part of any case.
        std::thread::sleep(Duration::from_millis(200));
    }

    fn qtest(&mut self, lines: &[&str]) {
        let mut reader = BufReader::new(self.socket("qt.sock"));
        for line in lines {
            reader
                .get_mut()
                .write_all(format!("{line}\n").as_bytes())
                .unwrap();
            let mut answer = String::new();
            // The machine may end before it answers.
            let _ = reader.read_line(&mut answer);
        }
    }
}

impl Target for LiveTarget {
    fn connect(&mut self, monitor: &str) -> UnixStream {
        self.socket(match monitor {
            "A" => "q.sock",
            "B" => "q2.sock",
            _ => "qp.sock",
        })
    }

    fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    fn guest(&mut self, action: &str) {
        match action {
            // PM1a control of q35 as its firmware sets it up: sleep type 0 and sleep enable.
            "shutdown" => self.qtest(&["outw 0x604 0x2000"]),
            "reset" => self.qtest(&["outb 0xcf9 0x6"]),
            "rtc" => {
                let now = std::time::SystemTime::now()
                    .duration_since(std::time::UNIX_EPOCH)
                    .unwrap();
                let digit = now.subsec_millis() / 50 % 10;
                self.qtest(&["outb 0x70 0x0", &format!("outb 0x71 0x{digit}")]);
            }
            other => panic!("{other}"),
        }
    }

    fn signal(&mut self, name: &str) {
        signal(&self.process, name);
    }

    fn claim(&mut self, claim: &str) -> Result<(), String> {
        let failed = || Err(format!("not so: {claim}"));
        match claim {
            "HMP: <EOF>" | "HMP: <EOF" => {
                let Some(mut hmp) = self.hmp.take() else {
                    return failed();
                };
                hmp.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                let mut text = Vec::new();
                hmp.read_to_end(&mut text).map(drop).or_else(|_| failed())
            }
            "HMP: nothing" => Ok(()),
            "process gone" => {
                let limit = Instant::now() + Duration::from_secs(10);
                while self.process.try_wait().unwrap().is_none() {
                    if Instant::now() > limit {
                        return failed();
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
                Ok(())
            }
            _ if claim.starts_with("process still there") => match self.process.try_wait().unwrap()
            {
                None => Ok(()),
                Some(_) => failed(),
            },
            _ => {
                let Some(files) = claim.strip_prefix("socket files left: ") else {
                    return failed();
                };
                let mut left: Vec<String> = std::fs::read_dir(self.folder.path())
                    .unwrap()
                    .map(|file| format!("'{}'", file.unwrap().file_name().to_string_lossy()))
                    .collect();
                left.sort();
                let left = format!("[{}]", left.join(", "));
                if left == files {
                    Ok(())
                } else {
                    Err(format!("{claim}: {left}"))
                }
            }
        }
    }
}

impl Drop for LiveTarget {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
