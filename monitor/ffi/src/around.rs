// SPDX-License-Identifier: GPL-2.0-or-later
//! What the engine sees of the embedder: a QMP connection, a host and a sink.

use std::ffi::CString;
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use hmp_engine::engine::Sink;
use hmp_engine::host::{Access, Disassembler, GuestMemory, Host, MemoryFile, Place};
use hmp_engine::qmp::{BoxFuture, Qmp, QmpError, QmpResult};
use serde_json::{Map, Value};

use crate::waiting::Shared;

/// How deep a reply may be nested. QEMU nests up to 1024 (qobject/json-parser.c), which takes more
/// stack to read than a coroutine may have, and the library starts no thread of its own.
const MAX_DEPTH: usize = 127;

/// The embedder's side, as all three.
#[derive(Clone)]
pub(crate) struct Around(pub(crate) Arc<Shared>);

impl Around {
    async fn ask(&self, command: &str, arguments: Value, fd: RawFd) -> QmpResult {
        let mut request = Map::new();
        request.insert("execute".into(), command.into());
        if !arguments.is_null() {
            request.insert("arguments".into(), arguments);
        }
        let request = Value::Object(request).to_string();
        let request = CString::new(request)
            .map_err(|_| QmpError::Unsupported("a request can't hold a NUL".into()))?;
        let answer = self
            .0
            .ask(|callbacks, token| callbacks.execute(token, &request, fd));
        read_reply(command, &answer.await)
    }
}

/// The member `QMP` of a greeting.
pub(crate) fn read_greeting(text: &[u8]) -> Option<Value> {
    let mut greeting: Value = serde_json::from_slice(text).ok()?;
    let greeting = greeting.get_mut("QMP")?;
    greeting.get("version")?;
    Some(greeting.take())
}

/// What a reply says. An empty one is a lost connection.
fn read_reply(command: &str, reply: &[u8]) -> QmpResult {
    let command = || command.to_owned();
    let protocol = |reason: String| QmpError::Protocol {
        command: command(),
        reason,
    };
    if reply.is_empty() {
        return Err(QmpError::Disconnected { command: command() });
    }
    if depth(reply) > MAX_DEPTH {
        let reason = format!("nested deeper than {MAX_DEPTH}");
        return Err(QmpError::unexpected(&command(), reason));
    }
    let mut reply: Value =
        serde_json::from_slice(reply).map_err(|error| protocol(error.to_string()))?;
    if let Some(error) = reply.get("error") {
        let text = |name| {
            let text = error.get(name).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        return Err(QmpError::Command {
            class: text("class"),
            desc: text("desc"),
        });
    }
    match reply.get_mut("return") {
        Some(value) => Ok(value.take()),
        None => Err(protocol("a reply without 'return' and 'error'".into())),
    }
}

/// How deep brackets are nested outside strings.
fn depth(text: &[u8]) -> usize {
    let (mut depth, mut most) = (0_usize, 0);
    let mut bytes = text.iter();
    let mut quoted = false;
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if quoted => {
                bytes.next();
            }
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                depth += 1;
                most = most.max(depth);
            }
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    most
}

impl Qmp for Around {
    fn execute<'a>(&'a self, command: &'a str, arguments: Value) -> BoxFuture<'a, QmpResult> {
        Box::pin(self.ask(command, arguments, -1))
    }

    fn execute_with_fd<'a>(
        &'a self,
        command: &'a str,
        arguments: Value,
        fd: BorrowedFd<'a>,
    ) -> BoxFuture<'a, QmpResult> {
        Box::pin(self.ask(command, arguments, fd.as_raw_fd()))
    }

    fn greeting(&self) -> Option<&Value> {
        self.0.greeting.get()
    }
}

impl Host for Around {
    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
            // Rounded up: a pause of less than a millisecond is one all the same.
            let ms = ms.max(u64::from(!duration.is_zero()));
            self.0
                .ask(|callbacks, token| callbacks.sleep(token, ms))
                .await;
        })
    }

    fn secret<'a>(&'a self, prompt: &'a str) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move {
            let prompt = CString::new(prompt).ok()?;
            if !self.0.callbacks.asks() {
                return None;
            }
            let answer = self
                .0
                .ask(|callbacks, token| callbacks.secret(token, &prompt))
                .await;
            match serde_json::from_slice(&answer) {
                Ok(Value::String(secret)) => Some(secret),
                _ => None,
            }
        })
    }

    fn local_time(&self, seconds: Option<i64>) -> (i64, i32) {
        if self.0.is_mute() {
            return (seconds.unwrap_or_default(), 0);
        }
        self.0.callbacks.local_time(seconds)
    }

    fn descriptor(&self, name: &str) -> Option<OwnedFd> {
        let name = CString::new(name).ok()?;
        if self.0.is_mute() {
            return None;
        }
        self.0.callbacks.descriptor(&name)
    }

    fn memory_file(&self) -> Option<Box<dyn MemoryFile>> {
        if self.0.is_mute() {
            return None;
        }
        let fd = self.0.callbacks.memory_file()?;
        Some(Box::new(InMemory(File::from(fd))))
    }

    fn history(&self) -> Option<Vec<String>> {
        if self.0.is_mute() {
            return None;
        }
        self.0.callbacks.history()
    }

    fn memory(&self) -> Option<&dyn GuestMemory> {
        self.0.callbacks.reads_memory().then_some(self)
    }

    fn disassembler(&self) -> Option<&dyn Disassembler> {
        self.0.callbacks.disassembles().then_some(self)
    }

    fn help(&self, command: &str) -> Option<String> {
        let command = CString::new(command).ok()?;
        if self.0.is_mute() {
            return None;
        }
        self.0.callbacks.help_text(&command)
    }
}

impl GuestMemory for Around {
    fn read(&self, place: Place, into: &mut [u8]) -> Access {
        match self.0.is_mute() {
            true => Access::Refused,
            false => self.0.callbacks.read_memory(place, into),
        }
    }
}

impl Disassembler for Around {
    fn disassemble(&self, place: Place, count: i32, out: &mut dyn fmt::Write) -> Access {
        if self.0.is_mute() {
            return Access::Refused;
        }
        let mut text = String::new();
        let access = self.0.callbacks.disassemble(place, count, &mut text);
        // The sink does not fail.
        let _ = out.write_str(&text);
        access
    }
}

/// A file that the embedder made.
struct InMemory(File);

impl MemoryFile for InMemory {
    fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    fn read(&self, limit: usize) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut file = &self.0;
        file.seek(SeekFrom::Start(0))?;
        file.take(limit as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl fmt::Write for Around {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if !text.is_empty() && !self.0.is_mute() {
            self.0.callbacks.write(text);
        }
        Ok(())
    }
}

impl Sink for Around {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn replies_are_read_as_what_they_are() {
        let read = |reply: &str| read_reply("stop", reply.as_bytes());
        assert_eq!(
            read(r#"{"return": {"a": "]\"["}}"#),
            Ok(json!({"a": "]\"["}))
        );
        let class = r#"{"error": {"class": "GenericError", "desc": "no"}}"#;
        assert_eq!(read(class), Err(QmpError::generic("no")));
        assert!(matches!(read(""), Err(QmpError::Disconnected { .. })));
        for bad in ["{", "[]", "{}", "{\"return\": 1} 2", "\u{1}"] {
            assert!(matches!(read(bad), Err(QmpError::Protocol { .. })), "{bad}");
        }
    }

    #[test]
    fn a_reply_that_is_too_deep_is_refused_and_the_connection_goes_on() {
        let nested = |depth| {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            read_reply("stop", format!("{{\"return\": {open}{close}}}").as_bytes())
        };
        assert!(nested(MAX_DEPTH - 1).is_ok());
        for depth in [MAX_DEPTH, 1 << 20] {
            let refused = nested(depth);
            assert!(
                matches!(refused, Err(QmpError::Unexpected { .. })),
                "{refused:?}"
            );
        }
        assert_eq!(depth(br#"["[[[\"[["]"#), 1);
    }
}
