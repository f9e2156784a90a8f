// SPDX-License-Identifier: GPL-2.0-or-later
//! A program on a pseudo-terminal, as a user has it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tempfile::TempDir;

use crate::error::Error;

/// How long a text may take to be shown.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that ends with this.
pub struct Terminal {
    child: Child,
    keys: File,
    shown: Receiver<Vec<u8>>,
    /// What was shown and not looked for yet.
    rest: Vec<u8>,
    /// Its history and settings: none.
    _folder: TempDir,
}

impl Terminal {
    /// Starts a program on a terminal of its own. `setsid` makes it the controlling one.
    pub fn start(program: &Command) -> Result<Self, Error> {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&ours)?;
        unlockpt(&ours)?;
        let path = ptsname(&ours, Vec::new())?.into_string()?;
        let open = || File::options().read(true).write(true).open(&path);
        let folder = tempfile::tempdir()?;
        let child = Command::new("setsid")
            .arg("--ctty")
            .arg(program.get_program())
            .args(program.get_args())
            .env("TERM", "xterm")
            .env("HOME", folder.path())
            .env("XDG_STATE_HOME", folder.path())
            .env("XDG_CONFIG_HOME", folder.path())
            .stdin(Stdio::from(open()?))
            .stdout(Stdio::from(open()?))
            .stderr(Stdio::from(open()?))
            .spawn()?;
        let keys = File::from(ours);
        let mut screen = keys.try_clone()?;
        let (sender, shown) = channel();
        thread::spawn(move || {
            let mut chunk = [0; 1 << 16];
            // A terminal whose programs are gone is an error.
            while let Ok(length @ 1..) = screen.read(&mut chunk) {
                if sender.send(chunk[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            child,
            keys,
            shown,
            rest: Vec::new(),
            _folder: folder,
        })
    }

    /// Types.
    pub fn types(&mut self, text: &str) -> io::Result<()> {
        self.keys.write_all(text.as_bytes())
    }

    /// Waits for a text, which is taken with all before it.
    pub fn sees(&mut self, text: &str) -> Result<(), Error> {
        self.sees_one(&[text]).map(drop)
    }

    /// Waits for one of some texts, and says which; it is taken with all before it.
    pub fn sees_one(&mut self, texts: &[&str]) -> Result<usize, Error> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            for (number, text) in texts.iter().enumerate() {
                let mut windows = self.rest.windows(text.len());
                if let Some(at) = windows.position(|window| window == text.as_bytes()) {
                    self.rest.drain(..at + text.len());
                    return Ok(number);
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.shown.recv_timeout(left) {
                Ok(bytes) => self.rest.extend_from_slice(&bytes),
                Err(error) => {
                    let shown = String::from_utf8_lossy(&self.rest);
                    return Err(format!("no {texts:?} on the terminal ({error}): {shown:?}").into());
                }
            }
        }
    }

    /// The memory in use (RSS) in KiB.
    pub fn memory(&self) -> Result<f64, Error> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let size = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        size.ok_or_else(|| "no VmRSS".into())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // One that has ended needs no more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_shows_and_reads() {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "test -t 0 && echo a terminal; read word; echo \"<$word>\"",
        ]);
        let mut terminal = Terminal::start(&command).unwrap();
        terminal.sees("a terminal").unwrap();
        assert!(terminal.memory().unwrap() > 0.0);
        terminal.types("word\n").unwrap();
        assert_eq!(terminal.sees_one(&["<other>", "<word>"]).unwrap(), 1);
        assert!(terminal.sees("never shown").is_err());
    }
}
