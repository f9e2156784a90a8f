// SPDX-License-Identifier: GPL-2.0-or-later
//! From an address to a connection that takes commands.

use std::io;
use std::time::Duration;

use hmp_engine::qmp::quote::quote;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::client::address::Address;
use crate::client::dial::dial;
use crate::client::frame::Limits;
use crate::client::options::Options;
use crate::client::refusal::{Refusal, refusal};
use crate::client::wire::{ReadError, Reader, Request, Writer, read_error};

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The system said no.
    #[error("can't connect: {0}")]
    Io(io::Error),
    /// The system said no, and why is known.
    #[error("{0}")]
    Place(#[from] Refusal),
    /// Nobody took the connection within the time allowed.
    #[error("can't connect within {seconds} s")]
    Unreachable {
        /// The limit, in seconds.
        seconds: u64,
    },
    /// The queue of connections was full all the time.
    #[error(
        "the socket is held by another client, and more are waiting (QMP serves one at a time)"
    )]
    Queued,
    /// Connected, but nothing came.
    #[error(
        "connected, but no greeting within {seconds} s: another client holds the socket (QMP serves \
         one at a time), QEMU is stopped or stuck, or it is no plain QMP socket"
    )]
    NoGreeting {
        /// The limit, in seconds.
        seconds: u64,
    },
    /// The greeting, or the answer to our capabilities, came in part only or not at all.
    #[error(
        "connected, but the session did not start within {seconds} s: the answers came in part only"
    )]
    Stalled {
        /// The limit, in seconds.
        seconds: u64,
    },
    /// The other end closed the connection before it was of use.
    #[error("the connection was closed before the greeting was complete")]
    Closed,
    /// The other end greets as the human monitor does.
    #[error(
        "this is the socket of a human monitor; hmp needs a QMP socket (-qmp, or -mon with mode=control)"
    )]
    HumanMonitor,
    /// The other end greets in another protocol.
    #[error("this is not a QMP socket: it speaks {0}; hmp needs QMP on a plain socket")]
    Speaks(&'static str),
    /// The other end speaks something else.
    #[error("this is not a QMP socket: {0}")]
    NotQmp(String),
    /// QEMU refused the capabilities.
    #[error("QEMU refused to start the session: {0}")]
    Refused(String),
}

impl ConnectError {
    /// Whether the other end is silent: held by another client, stopped, or waiting for us to speak
    /// first.
    #[must_use]
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Queued | Self::NoGreeting { .. })
    }
}

/// What a greeting may cost: QEMU's has some 200 bytes.
const GREETING: Limits = Limits {
    bytes: 64 << 10,
    depth: 16,
    memory: 256 << 10,
};

/// How soon a full queue, or a socket that is not there, is tried again. A session for one command
/// takes some milliseconds.
const PAUSE: Duration = Duration::from_millis(10);

/// Opens the stream of an address and starts the session with `id`; the third is the greeting's
/// `QMP` member.
pub(super) async fn open(
    address: &Address,
    options: &Options,
    id: u64,
) -> Result<(Reader, Writer, Value), ConnectError> {
    let limit = options.wait.unwrap_or(options.connect_timeout);
    let deadline = Instant::now() + limit;
    let (mut reader, mut writer) = loop {
        let error = match timeout_at(deadline, dial(address, options.limits)).await {
            Ok(Ok(stream)) => break stream,
            Ok(Err(error)) => error,
            Err(_) => {
                let seconds = whole_seconds(limit);
                return Err(ConnectError::Unreachable { seconds });
            }
        };
        // A unix socket whose queue is full; a TCP connection waits by itself.
        let full = error.kind() == io::ErrorKind::WouldBlock;
        let next = Instant::now() + PAUSE;
        if full && next >= deadline {
            return Err(ConnectError::Queued);
        }
        if !full {
            let refused = refusal(address, error.kind());
            let comes = refused.as_ref().is_some_and(Refusal::may_pass);
            if options.wait.is_none() || !comes || next >= deadline {
                return Err(refused.map_or(ConnectError::Io(error), ConnectError::Place));
            }
        }
        sleep_until(next).await;
    };
    let deadline = match options.wait {
        Some(_) => deadline,
        None => Instant::now() + limit,
    };
    let greeting = negotiate(&mut reader, &mut writer, options, id, (deadline, limit)).await?;
    Ok((reader, writer, greeting))
}

/// Starts the session on a stream that is open already.
pub(super) async fn adopt(
    reader: &mut Reader,
    writer: &mut Writer,
    options: &Options,
    id: u64,
) -> Result<Value, ConnectError> {
    let limit = options.connect_timeout;
    negotiate(reader, writer, options, id, (Instant::now() + limit, limit)).await
}

/// Reads the greeting and leaves negotiation mode, with `oob` where it is offered; returns the
/// greeting's `QMP` member.
async fn negotiate(
    reader: &mut Reader,
    writer: &mut Writer,
    options: &Options,
    id: u64,
    (deadline, limit): (Instant, Duration),
) -> Result<Value, ConnectError> {
    let seconds = whole_seconds(limit);
    match timeout_at(deadline, dialogue(reader, writer, options.limits, id)).await {
        Ok(result) => result,
        Err(_) if reader.head().is_empty() => Err(ConnectError::NoGreeting { seconds }),
        Err(_) => Err(ConnectError::Stalled { seconds }),
    }
}

async fn dialogue(
    reader: &mut Reader,
    writer: &mut Writer,
    limits: Limits,
    id: u64,
) -> Result<Value, ConnectError> {
    reader.begin().await?;
    if !begins_late(reader.head()) {
        reader.set_limits(GREETING);
    }
    let greeting = loop {
        let mut message = first(reader).await?;
        if let Some(greeting) = message.get_mut("QMP").map(Value::take) {
            break greeting;
        }
        if !is_late(&message) {
            return Err(ConnectError::NotQmp("it sends no greeting".into()));
        }
    };
    reader.set_limits(limits);
    let offered = greeting.get("capabilities").and_then(Value::as_array);
    let oob = offered.is_some_and(|list| list.iter().any(|name| name == "oob"));
    let mut request = json!({"execute": "qmp_capabilities"});
    if oob {
        request["arguments"] = json!({"enable": ["oob"]});
    }
    request["id"] = json!(id);
    let request = Request {
        text: format!("{request}\n"),
        passed: None,
    };
    writer
        .send(&request)
        .await
        .map_err(|_| ConnectError::Closed)?;
    loop {
        let message = reader.message().await?.value;
        // Before our answer the late reply to an earlier client's command may come.
        if message.get("id").and_then(Value::as_u64) != Some(id) {
            if message.get("error").is_some() && message.get("id").is_none() {
                return Err(ConnectError::Refused(
                    quote(&read_error(&message).1).into_owned(),
                ));
            }
            continue;
        }
        if message.get("error").is_some() {
            return Err(ConnectError::Refused(
                quote(&read_error(&message).1).into_owned(),
            ));
        }
        return Ok(greeting);
    }
}

/// Whether these are the first bytes of a reply or an event: a QEMU that was stopped while it worked
/// for an earlier client may send that client's reply to the next one, before it greets (seen on
/// 10.0).
fn begins_late(head: &[u8]) -> bool {
    let Some(head) = head.trim_ascii_start().strip_prefix(b"{") else {
        return false;
    };
    let names = ["\"return\"", "\"error\"", "\"id\"", "\"timestamp\""];
    let head = head.trim_ascii_start();
    names.iter().any(|name| head.starts_with(name.as_bytes()))
}

/// Whether it is a reply or an event.
fn is_late(message: &Value) -> bool {
    let has = |name| message.get(name).is_some();
    has("return") || has("error") && has("id") || has("event") && has("timestamp")
}

/// The first message, or what the first bytes show.
async fn first(reader: &mut Reader) -> Result<Value, ConnectError> {
    match reader.message().await {
        Ok(message) => Ok(message.value),
        Err(error @ ReadError::Garbage(_)) => {
            Err(foreign(reader.head()).unwrap_or_else(|| error.into()))
        }
        Err(ReadError::Ended) => Err(ConnectError::Closed),
    }
}

impl From<ReadError> for ConnectError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Ended => Self::Closed,
            ReadError::Garbage(error) => Self::NotQmp(error.to_string()),
        }
    }
}

/// What greets with these bytes, where that is known: the built-in monitor's banner, possibly
/// behind telnet's bytes, or another protocol.
fn foreign(head: &[u8]) -> Option<ConnectError> {
    let holds = |text: &str| memchr::memmem::find(head, text.as_bytes()).is_some();
    if holds("QEMU ") && holds(" monitor") {
        return Some(ConnectError::HumanMonitor);
    }
    let protocol = match head {
        // IAC and WILL, WONT, DO or DONT (RFC 854).
        [0xff, 0xfb..=0xfe, ..] => "telnet",
        // A record of an alert or a handshake (RFC 8446, 5.1).
        [0x15 | 0x16, 0x03, ..] => "TLS",
        _ if head.starts_with(b"HTTP/") => "HTTP",
        _ if head.starts_with(b"RFB ") => "VNC",
        _ if head.starts_with(b"SSH-") => "SSH",
        _ => return None,
    };
    Some(ConnectError::Speaks(protocol))
}

/// A limit in seconds, for messages.
pub(super) fn whole_seconds(limit: Duration) -> u64 {
    limit.as_secs() + u64::from(limit.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(b"QEMU 10.0.2 monitor - type 'help'", "human monitor")]
    #[case(b"\xff\xfb\x01QEMU 7.2 monitor", "human monitor")]
    #[case(b"\xff\xfb\x01\xff\xfb\x03{\"QMP\"", "speaks telnet")]
    #[case(b"\x15\x03\x03\x00\x02", "speaks TLS")]
    #[case(b"HTTP/1.1 400 Bad", "speaks HTTP")]
    #[case(b"RFB 003.008", "speaks VNC")]
    #[case(b"SSH-2.0-x", "speaks SSH")]
    fn other_greetings(#[case] head: &[u8], #[case] says: &str) {
        let text = foreign(head).unwrap().to_string();
        assert!(text.contains(says), "{text}");
    }

    #[rstest]
    #[case(b"{\"return\": {}}", true)]
    #[case(b"\r\n{\n    \"timestamp\": {", true)]
    #[case(b"{\"id\": 1, \"error\": {", true)]
    #[case(b"{\"QMP\": {\"version\"", false)]
    #[case(b"{\"ret", false)]
    #[case(b"[", false)]
    #[case(b"", false)]
    fn late_beginnings(#[case] head: &[u8], #[case] late: bool) {
        assert_eq!(begins_late(head), late);
    }

    #[test]
    fn unknown_greetings() {
        for head in [&b""[..], b"login: ", b"\xff", b"\xff\xff"] {
            assert!(foreign(head).is_none(), "{head:?}");
        }
    }
}
