// SPDX-License-Identifier: GPL-2.0-or-later
//! `hmp` on a pseudo-terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, ioctl_tiocsctty};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use super::program::{Mock, binary, heeding};

pub const PATIENCE: Duration = Duration::from_secs(60);

/// `hmp` on a pseudo-terminal.
pub struct Terminal {
    pub child: Child,
    pub keys: File,
    /// The terminal's own end: its modes can be looked at.
    pub theirs: OwnedFd,
    pub shown: Receiver<Vec<u8>>,
    /// What was shown and not looked for yet.
    pub rest: Vec<u8>,
    /// All that was shown.
    pub all: Vec<u8>,
}

/// A shell with one job, in the foreground.
const SHELL: &str = r#"
import os, signal, sys
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = os.fork()
if job == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    for number in (signal.SIGTTOU, signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGTSTP):
        signal.signal(number, signal.SIG_DFL)
    os.execv(sys.argv[1], sys.argv[1:])
sys.exit(os.waitstatus_to_exitcode(os.waitpid(job, 0)[1]))
"#;

impl Terminal {
    /// At its prompt, with a history of the mock's own.
    pub fn start(mock: &Mock, term: &str, more: &[&str]) -> Self {
        let mut terminal = Self::bare(mock, term, more);
        terminal.sees("(qemu) ");
        terminal
    }

    /// As it begins.
    pub fn bare(mock: &Mock, term: &str, more: &[&str]) -> Self {
        Self::at(&mock.path(), mock.folder.path(), term, more)
    }

    /// As it begins, at a socket, with a history and settings in a folder.
    pub fn at(socket: &Path, folder: &Path, term: &str, more: &[&str]) -> Self {
        Self::run(heeding(), socket, folder, term, more)
    }

    /// As [`start`](Self::start), as a job of a shell that can let it go on.
    pub fn under_a_shell(mock: &Mock, term: &str) -> Self {
        let mut shell = std::process::Command::new("python3");
        shell.args(["-c", SHELL]).arg(binary());
        let mut terminal = Self::run(shell, &mock.path(), mock.folder.path(), term, &[]);
        terminal.sees("(qemu) ");
        terminal
    }

    /// The process of the job.
    pub fn job(&self) -> Option<Pid> {
        let pid = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        Pid::from_raw(children.split_whitespace().next()?.parse().ok()?)
    }

    /// As it begins: `command`, in front of its arguments.
    pub fn run(
        mut command: std::process::Command,
        socket: &Path,
        folder: &Path,
        term: &str,
        more: &[&str],
    ) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let path = name.to_str().unwrap().to_owned();
        let open = || File::options().read(true).write(true).open(&path).unwrap();
        command
            .arg(socket)
            .args(more)
            .env("TERM", term)
            .env_remove("NO_COLOR")
            .env("XDG_STATE_HOME", folder)
            .env("XDG_CONFIG_HOME", folder)
            .env("PAGER", "cat")
            .stdin(Stdio::from(open()))
            .stdout(Stdio::from(open()))
            .stderr(Stdio::from(open()));
        // SAFETY: only calls that are safe between fork and exec.
        #[expect(
            unsafe_code,
            reason = "a terminal is made the controlling one in the child"
        )]
        unsafe {
            command.pre_exec(|| {
                rustix::process::setsid()?;
                ioctl_tiocsctty(rustix::stdio::stdin())?;
                Ok(())
            });
        }
        let child = command.spawn().unwrap();
        let mut screen = File::from(ours.try_clone().unwrap());
        let (sender, shown) = channel();
        std::thread::spawn(move || {
            let mut chunk = [0; 65536];
            while let Ok(length) = screen.read(&mut chunk) {
                if length == 0 || sender.send(chunk[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            keys: File::from(ours),
            theirs: open().into(),
            shown,
            rest: Vec::new(),
            all: Vec::new(),
        }
    }

    /// Types, without waiting.
    pub fn types(&mut self, bytes: &[u8]) {
        self.keys.write_all(bytes).unwrap();
    }

    /// Takes what was shown up to this text, if it was.
    fn found(&mut self, text: &str) -> Option<String> {
        let mut windows = self.rest.windows(text.len());
        let found = windows.position(|window| window == text.as_bytes())?;
        let before: Vec<u8> = self.rest.drain(..found + text.len()).collect();
        Some(String::from_utf8_lossy(&before[..found]).into_owned())
    }

    /// Whether a text is shown within this time.
    pub fn sees_within(&mut self, text: &str, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while self.found(text).is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(bytes) = self.shown.recv_timeout(left) else {
                return false;
            };
            self.rest.extend_from_slice(&bytes);
            self.all.extend_from_slice(&bytes);
        }
        true
    }

    /// Waits for a text; returns what came before it.
    #[track_caller]
    pub fn sees(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(before) = self.found(text) {
                return before;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.shown.recv_timeout(left) {
                Ok(bytes) => {
                    self.rest.extend_from_slice(&bytes);
                    self.all.extend_from_slice(&bytes);
                }
                Err(error) => {
                    let rest = String::from_utf8_lossy(&self.rest).into_owned();
                    assert_eq!(error, RecvTimeoutError::Timeout, "no {text:?}: {rest:?}");
                    panic!("no {text:?} in time: {rest:?}");
                }
            }
        }
    }

    /// Whether the terminal shows what is typed by itself.
    pub fn echoes(&self) -> bool {
        let modes = tcgetattr(self.theirs.as_fd()).unwrap().local_modes;
        modes.contains(LocalModes::ECHO)
    }

    /// The exit code.
    pub fn ends(mut self) -> i32 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < deadline, "it does not end");
            while self.shown.try_recv().is_ok() {}
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(job) = self.job() {
            let _ = rustix::process::kill_process(job, rustix::process::Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
