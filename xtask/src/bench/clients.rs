// SPDX-License-Identifier: GPL-2.0-or-later
//! Minimal clients to compare with: raw QMP in its shortest form, and the built-in monitor over its
//! own socket.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::{Value, json};

/// The least that a QMP client does: no ids, no `oob`, one request at a time.
pub struct Raw(Ends);

impl Raw {
    pub fn connect(path: &Path) -> io::Result<Self> {
        Self::start(path, "{\"execute\":\"qmp_capabilities\"}")
    }

    /// The same, for several requests in flight.
    pub fn with_oob(path: &Path) -> io::Result<Self> {
        let enable = json!({"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}});
        Self::start(path, &enable.to_string())
    }

    fn start(path: &Path, capabilities: &str) -> io::Result<Self> {
        let mut raw = Self(Ends::connect(path)?);
        raw.0.line()?;
        raw.ask(capabilities)?;
        Ok(raw)
    }

    /// The reply to a request; events are passed over.
    pub fn ask(&mut self, request: &str) -> io::Result<Vec<u8>> {
        self.0.send(request.as_bytes())?;
        self.reply()
    }

    fn reply(&mut self) -> io::Result<Vec<u8>> {
        loop {
            let line = self.0.line()?;
            if !line.starts_with(b"{\"timestamp\"") {
                return Ok(line);
            }
        }
    }

    /// The `return` member of the reply.
    pub fn call(&mut self, command: &str, arguments: &Value) -> io::Result<Value> {
        let request = json!({"execute": command, "arguments": arguments});
        let reply: Value = serde_json::from_slice(&self.ask(&request.to_string())?)?;
        match reply.get("return") {
            Some(value) => Ok(value.clone()),
            None => Err(io::Error::other(format!("{command}: {reply}"))),
        }
    }

    /// Sends requests, this many in flight, and reads the replies.
    pub fn all(&mut self, requests: &[String], in_flight: usize) -> io::Result<()> {
        let mut sent = 0;
        for answered in 0..requests.len() {
            let more = (answered + in_flight).min(requests.len());
            if sent < more {
                let text = requests[sent..more].concat();
                self.0.send(text.as_bytes())?;
                sent = more;
            }
            self.reply()?;
        }
        Ok(())
    }
}

/// The built-in monitor as a user of `socat` has it.
pub struct Builtin(Ends);

impl Builtin {
    pub fn connect(path: &Path) -> io::Result<Self> {
        let mut builtin = Self(Ends::connect(path)?);
        builtin.0.prompt()?;
        Ok(builtin)
    }

    /// A line's echo and answer.
    pub fn line(&mut self, line: &str) -> io::Result<Vec<u8>> {
        self.0.send(format!("{line}\n").as_bytes())?;
        // The echo of the line ends before the answer begins.
        self.0.line()?;
        self.0.prompt()
    }

    /// The key TAB behind a text, up to what is shown then; the text is taken back.
    pub fn tab(&mut self, begun: &str, until: &str) -> io::Result<()> {
        const RUB_OUT_WORD: char = '\x17';
        self.0.send(format!("{begun}\t").as_bytes())?;
        let until = until.as_bytes();
        self.0
            .until(|read| read.windows(until.len()).any(|window| window == until))?;
        let back: String = begun.split(' ').map(|_| RUB_OUT_WORD).collect();
        self.0.send(back.as_bytes())
    }
}

/// A socket that is read up to some end. What looks for the end is the standard library's, as far as
/// it can be: this is not optimised, and is part of what others' time is.
struct Ends(BufReader<UnixStream>);

impl Ends {
    fn connect(path: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        Ok(Self(BufReader::with_capacity(1 << 16, stream)))
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.get_mut().write_all(bytes)
    }

    /// Reads a line.
    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line)?;
        match line.ends_with(b"\n") {
            true => Ok(line),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Reads what is there until it is enough.
    fn until(&mut self, enough: impl Fn(&[u8]) -> bool) -> io::Result<Vec<u8>> {
        let mut read = Vec::new();
        loop {
            let piece = self.0.fill_buf()?;
            if piece.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            read.extend_from_slice(piece);
            let length = piece.len();
            self.0.consume(length);
            if enough(&read) {
                return Ok(read);
            }
        }
    }

    /// Reads up to the built-in's prompt, behind which nothing comes by itself.
    fn prompt(&mut self) -> io::Result<Vec<u8>> {
        self.until(|read| read.ends_with(b"(qemu) "))
    }
}
