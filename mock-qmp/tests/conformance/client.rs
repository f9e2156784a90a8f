// SPDX-License-Identifier: GPL-2.0-or-later
//! A client that does nothing on its own: bytes go out and lines come in when it is asked to.

use std::io::{BufRead as _, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

/// A connection.
pub struct Client {
    stream: Option<UnixStream>,
    buffer: Vec<u8>,
    /// Bytes at the front of the buffer that hold no newline.
    seen: usize,
    /// The lines so far, without line ends, and when they came; the end of the connection as a
    /// line.
    pub lines: Vec<(Instant, String)>,
    ended: bool,
}

impl Client {
    pub fn new(stream: UnixStream) -> Self {
        stream
            .set_read_timeout(Some(Duration::from_millis(10)))
            .unwrap();
        Self {
            stream: Some(stream),
            buffer: Vec::new(),
            seen: 0,
            lines: Vec::new(),
            ended: false,
        }
    }

    /// Reads the greeting, which may be pretty, and forgets it.
    pub fn skip_greeting(&mut self) {
        let limit = Instant::now() + Duration::from_secs(20);
        let mut text = String::new();
        while serde_json::from_str::<serde_json::Value>(&text).is_err() {
            assert!(Instant::now() < limit && !self.ended, "no greeting: {text}");
            self.pump();
            text = self
                .lines
                .iter()
                .map(|(_, line)| line.as_str())
                .collect::<Vec<_>>()
                .join("\n");
        }
        self.lines.clear();
    }

    /// Negotiates as the cases expect it: without a newline, which counts for columns.
    pub fn negotiate(&mut self, oob: bool) {
        let request = if oob {
            r#"{"execute":"qmp_capabilities","arguments":{"enable":["oob"]}}"#
        } else {
            r#"{"execute":"qmp_capabilities"}"#
        };
        self.send(request.as_bytes(), 0);
        self.wait(1, Duration::from_secs(20));
        assert_eq!(self.lines.remove(0).1, "{\"return\": {}}");
    }

    pub fn send(&mut self, bytes: &[u8], descriptors: usize) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        if descriptors == 0 {
            // The other side may have gone, which is then the answer.
            let _ = stream.write_all(bytes);
            return;
        }
        let files: Vec<_> = (0..descriptors)
            .map(|_| std::fs::File::open("/dev/null").unwrap())
            .collect();
        let borrowed: Vec<_> = files.iter().map(AsFd::as_fd).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(&borrowed)));
        let sent = sendmsg(
            stream,
            &[IoSlice::new(bytes)],
            &mut control,
            SendFlags::empty(),
        )
        .unwrap();
        assert_eq!(sent, bytes.len());
    }

    /// Reads what is there, or waits for a moment.
    pub fn pump(&mut self) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        if self.ended {
            return;
        }
        let mut chunk = vec![0; 256 * 1024];
        match stream.read(&mut chunk) {
            Ok(0) => self.end("<EOF>"),
            Ok(count) => {
                self.buffer.extend_from_slice(&chunk[..count]);
                self.split();
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                self.end("<RESET>");
            }
            Err(_) => {}
        }
    }

    fn split(&mut self) {
        let now = Instant::now();
        let mut start = 0;
        // Only what has just come can end a line; the front was looked at before.
        let mut from = self.seen;
        while let Some(end) = memchr(&self.buffer, from) {
            let line = &self.buffer[start..end];
            let line = line
                .strip_suffix(b"\r")
                .unwrap_or_else(|| panic!("a line without CR"));
            self.lines
                .push((now, String::from_utf8(line.to_vec()).unwrap()));
            start = end + 1;
            from = start;
        }
        self.buffer.drain(..start);
        self.seen = self.buffer.len();
    }

    fn end(&mut self, mark: &str) {
        self.ended = true;
        if !self.buffer.is_empty() {
            self.lines.push((Instant::now(), "<PARTIAL>".to_owned()));
        }
        self.lines.push((Instant::now(), mark.to_owned()));
    }

    /// Waits until there are so many lines more than now.
    pub fn wait(&mut self, more: usize, patience: Duration) {
        let wanted = self.lines.len() + more;
        let limit = Instant::now() + patience;
        while self.lines.len() < wanted && Instant::now() < limit && !self.ended {
            self.pump();
        }
    }

    pub fn close(&mut self) {
        self.stream = None;
        self.buffer.clear();
        self.seen = 0;
    }

    pub fn connect(&mut self, stream: UnixStream) {
        stream
            .set_read_timeout(Some(Duration::from_millis(10)))
            .unwrap();
        self.stream = Some(stream);
        self.ended = false;
    }

    pub fn shutdown(&self) {
        if let Some(stream) = &self.stream {
            stream.shutdown(std::net::Shutdown::Write).unwrap();
        }
    }
}

/// The place of the first newline from a place on; the standard library's search is fast in test
/// builds too.
fn memchr(bytes: &[u8], from: usize) -> Option<usize> {
    let mut rest = &bytes[from..];
    let before = rest.len();
    rest.skip_until(b'\n').ok()?;
    let taken = before - rest.len();
    (taken > 0 && bytes[from + taken - 1] == b'\n').then(|| from + taken - 1)
}
