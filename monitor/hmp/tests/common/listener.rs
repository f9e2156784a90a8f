// SPDX-License-Identifier: GPL-2.0-or-later
//! `hmp --listen`, and clients of its sockets.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::program::binary;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running `hmp --listen`. It ends with its handle.
pub struct Listener {
    pub child: Child,
    pub socket: PathBuf,
}

impl Listener {
    /// One in front of `qmp`, with its socket in `folder`.
    pub fn start(qmp: &Path, folder: &Path, more: &[&str]) -> Self {
        let socket = folder.join("m");
        let mut command = Command::new(binary());
        command
            .arg("--listen")
            .arg(format!("unix:{}", socket.display()))
            .args(more)
            .arg(qmp);
        Self::run(command, socket)
    }

    /// Runs a command that makes `socket`.
    pub fn run(mut command: Command, socket: PathBuf) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut this = Self { child, socket };
        let begun = Instant::now();
        while UnixStream::connect(&this.socket).is_err() {
            if this.child.try_wait().unwrap().is_some() {
                panic!("it ended: {}", this.said());
            }
            assert!(begun.elapsed() < PATIENCE, "no socket");
            std::thread::sleep(Duration::from_millis(5));
        }
        this
    }

    pub fn client(&self) -> Client {
        Client::greeted(UnixStream::connect(&self.socket).unwrap())
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What it said on standard error, at its end.
    pub fn said(&mut self) -> String {
        let mut said = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            let _ = stderr.read_to_string(&mut said);
        }
        said
    }

    /// How many descriptors it has open.
    pub fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.child.id());
        std::fs::read_dir(folder).unwrap().count()
    }

    /// Its resident memory in KiB.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .unwrap()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client that knows no line editor: it sends bytes and reads them.
pub struct Client<S = UnixStream> {
    pub stream: S,
    got: Vec<u8>,
}

impl Client {
    /// Reads the greeting and the prompt.
    pub fn greeted(stream: UnixStream) -> Self {
        let mut client = Self::new(stream);
        client.until("(qemu) ");
        client
    }

    pub fn new(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self::over(stream)
    }
}

impl<S: Read + Write> Client<S> {
    pub fn over(stream: S) -> Self {
        let got = Vec::new();
        Self { stream, got }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// What came up to `end`, which is not at hand any more.
    pub fn until(&mut self, end: &str) -> String {
        String::from_utf8_lossy(&self.bytes_until(end)).into_owned()
    }

    /// As [`until`](Self::until), as it came.
    pub fn bytes_until(&mut self, end: &str) -> Vec<u8> {
        let end = end.as_bytes();
        let mut buffer = [0; 4096];
        loop {
            let found = self.got.windows(end.len()).position(|part| part == end);
            if let Some(at) = found {
                let rest = self.got.split_off(at + end.len());
                return std::mem::replace(&mut self.got, rest);
            }
            let count = self.stream.read(&mut buffer).unwrap();
            let so_far = String::from_utf8_lossy(&self.got).into_owned();
            assert!(count > 0, "the end came early: {so_far:?}");
            self.got.extend_from_slice(&buffer[..count]);
        }
    }

    /// Sends a line and gives what is between its echo and the next prompt.
    pub fn line(&mut self, line: &str) -> String {
        self.send(format!("{line}\n"));
        // The echo of the whole line, and its end.
        self.until(&format!("{line}\x1b[K\r\n"));
        let answer = self.until("(qemu) ");
        answer.trim_end_matches("(qemu) ").to_owned()
    }

    /// All that comes until the other side closes.
    pub fn rest(&mut self) -> String {
        let mut rest = std::mem::take(&mut self.got);
        let _ = self.stream.read_to_end(&mut rest);
        String::from_utf8_lossy(&rest).into_owned()
    }
}
