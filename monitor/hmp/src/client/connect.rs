// SPDX-License-Identifier: GPL-2.0-or-later
//! From an address to a connection that takes commands.

use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::Duration;

use hmp_engine::qmp::quote::quote;
use serde_json::{Value, json};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, timeout_at};

use crate::client::address::Address;
use crate::client::frame::{FrameError, Limits};
use crate::client::options::Options;
use crate::client::wire::{ReadError, Reader, Request, Writer, read_error};

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The system said no.
    #[error("can't connect: {0}")]
    Io(#[from] io::Error),
    /// Nobody took the connection within the time allowed.
    #[error("can't connect within {seconds} s")]
    Unreachable {
        /// The limit, in seconds.
        seconds: u64,
    },
    /// The queue of connections is full.
    #[error(
        "the socket is held by another client, and more are waiting (QMP serves one at a time)"
    )]
    Queued,
    /// Connected, but nothing came.
    #[error(
        "connected, but no greeting within {seconds} s: \
         the socket is probably held by another client (QMP serves one at a time)"
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
    /// The other end speaks something else.
    #[error("this is not a QMP socket: {0}")]
    NotQmp(String),
    /// QEMU refused the capabilities.
    #[error("QEMU refused to start the session: {0}")]
    Refused(String),
}

/// What a greeting may cost: QEMU's has some 200 bytes.
const GREETING: Limits = Limits {
    bytes: 64 << 10,
    depth: 16,
    memory: 256 << 10,
};

/// The longest path that a unix socket's address holds.
const SUN_PATH: usize = 107;

/// A unix socket's connection. A path too long for an address is reached through its directory's
/// descriptor.
pub(super) async fn unix(path: &Path) -> io::Result<UnixStream> {
    use rustix::fs::{Mode, OFlags, open};
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return UnixStream::connect(path).await;
    };
    if path.as_os_str().len() <= SUN_PATH {
        return UnixStream::connect(path).await;
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = open(parent, flags, Mode::empty())?;
    let short = Path::new("/proc/self/fd")
        .join(directory.as_raw_fd().to_string())
        .join(name);
    UnixStream::connect(short).await
}

/// Opens the stream of an address.
pub(super) async fn open(
    address: &Address,
    options: &Options,
) -> Result<(Reader, Writer), ConnectError> {
    let deadline = Instant::now() + options.connect_timeout;
    let connected = timeout_at(deadline, async {
        match address {
            Address::Unix(path) => unix(path).await.map(|stream| of_unix(stream, options)),
            Address::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                let local = is_local(&stream);
                let (read, write) = stream.into_split();
                let reader = Reader::new(read, options.limits);
                let stream = Box::new(write);
                Ok((reader, Writer::Other { stream, local }))
            }
        }
    });
    match connected.await {
        Err(_) => Err(ConnectError::Unreachable {
            seconds: whole_seconds(options.connect_timeout),
        }),
        // A unix socket's full queue; a TCP connection waits.
        Ok(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => Err(ConnectError::Queued),
        Ok(result) => Ok(result?),
    }
}

/// Whether a connection ends on this machine, or seems to: a tunnel may go on from there.
fn is_local(stream: &TcpStream) -> bool {
    let Ok(peer) = stream.peer_addr() else {
        return false;
    };
    let own = stream.local_addr().is_ok_and(|own| own.ip() == peer.ip());
    own || peer.ip().to_canonical().is_loopback()
}

pub(super) fn of_unix(stream: UnixStream, options: &Options) -> (Reader, Writer) {
    let (read, write) = stream.into_split();
    (Reader::new(read, options.limits), Writer::Unix(write))
}

/// Reads the greeting and leaves negotiation mode, with `oob` where it is offered; returns the
/// greeting's `QMP` member.
pub(super) async fn negotiate(
    reader: &mut Reader,
    writer: &mut Writer,
    options: &Options,
    id: u64,
) -> Result<Value, ConnectError> {
    let deadline = Instant::now() + options.connect_timeout;
    let seconds = whole_seconds(options.connect_timeout);
    match timeout_at(deadline, dialogue(reader, writer, options.limits, id)).await {
        Ok(result) => result,
        Err(_) if reader.received() => Err(ConnectError::Stalled { seconds }),
        Err(_) => Err(ConnectError::NoGreeting { seconds }),
    }
}

async fn dialogue(
    reader: &mut Reader,
    writer: &mut Writer,
    limits: Limits,
    id: u64,
) -> Result<Value, ConnectError> {
    reader.set_limits(GREETING);
    let mut greeting = reader.message().await?.value;
    reader.set_limits(limits);
    let Some(greeting) = greeting.get_mut("QMP").map(Value::take) else {
        return Err(ConnectError::NotQmp("it sends no greeting".into()));
    };
    let offered = greeting.get("capabilities").and_then(Value::as_array);
    let oob = offered.is_some_and(|list| list.iter().any(|name| name == "oob"));
    let mut request = json!({"execute": "qmp_capabilities"});
    if oob {
        request["arguments"] = json!({"enable": ["oob"]});
    }
    request["id"] = json!(id);
    let request = Request {
        text: format!("{request}\n"),
        descriptor: None,
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

impl From<ReadError> for ConnectError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Ended => Self::Closed,
            ReadError::Garbage(FrameError::Garbage(text)) if human(&text) => Self::HumanMonitor,
            ReadError::Garbage(error) => Self::NotQmp(error.to_string()),
        }
    }
}

/// Whether the first bytes (as shown in the error) are the built-in monitor's banner, possibly
/// behind telnet's bytes.
fn human(text: &str) -> bool {
    text.contains("QEMU ") && text.contains(" monitor")
}

/// A limit in seconds, for messages.
pub(super) fn whole_seconds(limit: Duration) -> u64 {
    limit.as_secs() + u64::from(limit.subsec_nanos() > 0)
}
