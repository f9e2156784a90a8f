// SPDX-License-Identifier: GPL-2.0-or-later
//! A connection: clones of a client share it.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use hmp_engine::qmp::{BoxFuture, Qmp, QmpError, QmpResult};
use serde::Serialize;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::client::address::Address;
use crate::client::connect::{ConnectError, adopt, open, whole_seconds};
use crate::client::dial::of_unix;
use crate::client::events::{Event, Events, Queue};
use crate::client::options::Options;
use crate::client::peer::Peer;
use crate::client::pending::{End, Pending, Waiting};
use crate::client::trace::Trace;
use crate::client::wire::{Message, Passed, ReadError, Reader, Request, Writer, read_error};

/// With `oob`, QEMU queues this many requests and stops reading at more, so that an out-of-band
/// command would wait too.
const IN_FLIGHT: usize = 8;

/// A connection to a QMP server. Clones share it.
#[derive(Clone)]
pub struct Client(Arc<Connection>);

struct Connection {
    shared: Arc<Shared>,
    places: Arc<Semaphore>,
    /// Held by the one request in flight that carries a descriptor: QEMU drops one that it has not
    /// used when the next one comes.
    turn: Arc<Mutex<()>>,
    takes_descriptors: bool,
    may_be_local: bool,
    peer: Option<Peer>,
    timeout: Option<Duration>,
    greeting: Value,
    trace: Trace,
    tasks: [AbortHandle; 2],
}

struct Shared {
    pending: Pending,
    events: Arc<Queue>,
    places: Arc<Semaphore>,
}

impl Shared {
    fn close(&self, end: End) {
        self.pending.close(end);
        self.places.close();
        self.events.close();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.close(End::Lost);
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Client {
    /// Connects, reads the greeting, and starts the session.
    pub async fn connect(
        address: &Address,
        options: &Options,
    ) -> Result<(Self, Events), ConnectError> {
        let first = options.first_id();
        let (reader, writer, greeting) = open(address, options, first).await?;
        Ok(Self::start(reader, writer, greeting, first, options))
    }

    /// Takes over a connected unix socket.
    pub async fn from_unix(
        stream: UnixStream,
        options: &Options,
    ) -> Result<(Self, Events), ConnectError> {
        let (reader, writer) = of_unix(stream, options.limits);
        Self::adopt(reader, writer, options).await
    }

    /// Takes over any other stream; descriptors can't be passed over it.
    pub async fn from_stream<S>(
        stream: S,
        options: &Options,
    ) -> Result<(Self, Events), ConnectError>
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (read, write) = tokio::io::split(stream);
        let reader = Reader::new(read, options.limits);
        let stream = Box::new(write);
        let local = false;
        Self::adopt(reader, Writer::Other { stream, local }, options).await
    }

    async fn adopt(
        mut reader: Reader,
        mut writer: Writer,
        options: &Options,
    ) -> Result<(Self, Events), ConnectError> {
        let first = options.first_id();
        let greeting = adopt(&mut reader, &mut writer, options, first).await?;
        Ok(Self::start(reader, writer, greeting, first, options))
    }

    /// Takes requests from here on; `first` was the session's first id.
    fn start(
        reader: Reader,
        writer: Writer,
        greeting: Value,
        first: u64,
        options: &Options,
    ) -> (Self, Events) {
        // Never more than the requests in flight wait in it.
        let (requests, queue) = mpsc::unbounded_channel();
        let (events, listener) = Queue::new();
        let places = Arc::new(Semaphore::new(IN_FLIGHT));
        let shared = Arc::new(Shared {
            pending: Pending::new(first + 1, options.relayed, requests),
            events,
            places: Arc::clone(&places),
        });
        let takes_descriptors = writer.takes_descriptors();
        let may_be_local = writer.may_be_local();
        let peer = writer.peer().filter(|_| !options.relayed);
        // QEMU needs no line end, and takes its time for each byte; what is between may read lines.
        let end = match peer.as_ref().is_some_and(Peer::is_qemu) {
            true => "",
            false => "\n",
        };
        let tasks = [
            tokio::spawn(read(reader, Arc::clone(&shared))).abort_handle(),
            tokio::spawn(write(writer, end, queue, Arc::clone(&shared))).abort_handle(),
        ];
        let connection = Connection {
            shared,
            places,
            turn: Arc::default(),
            takes_descriptors,
            may_be_local,
            peer,
            timeout: options.command_timeout,
            greeting,
            trace: Trace::new(),
            tasks,
        };
        (Self(Arc::new(connection)), listener)
    }

    /// The `QMP` member of the greeting: version and capabilities.
    #[must_use]
    pub fn greeting(&self) -> &Value {
        &self.0.greeting
    }

    /// How the connection ended; none as long as it lasts.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.0.shared.pending.end()
    }

    /// The process that made the socket, where that can be known.
    #[must_use]
    pub fn peer(&self) -> Option<&Peer> {
        self.0.peer.as_ref()
    }

    /// Whether QEMU has yet to answer a request that was given up (its future dropped): what comes
    /// next waits for that.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.0.shared.pending.is_behind()
    }

    /// How many requests went to QEMU; those that wait for their turn are not among them.
    #[must_use]
    pub fn requests_sent(&self) -> u64 {
        self.0.shared.pending.sent()
    }

    /// How many replies came that nobody waited for (late, duplicate, an earlier client's).
    #[must_use]
    pub fn strays(&self) -> u64 {
        self.0.shared.pending.strays()
    }

    /// How many events came, whoever fetched them.
    #[must_use]
    pub fn events_seen(&self) -> u64 {
        self.0.shared.events.seen()
    }

    async fn request(
        &self,
        command: &str,
        arguments: Value,
        descriptor: Option<OwnedFd>,
    ) -> QmpResult {
        encodable(&arguments)?;
        let connection = &*self.0;
        let turn = match descriptor {
            Some(_) => {
                let turn = Arc::clone(&connection.turn).lock_owned();
                Some(self.patiently(command, Box::pin(turn)).await?)
            }
            None => None,
        };
        let place = Arc::clone(&connection.places).acquire_owned();
        let Ok(place) = self.patiently(command, Box::pin(place)).await? else {
            return Err(self.ended(command));
        };
        let (reply, answer) = oneshot::channel();
        let (unanswered, answered) = oneshot::channel();
        let waiting = Waiting {
            command: command.to_owned(),
            reply,
            _held: (place, turn, unanswered),
        };
        let passed = descriptor.map(|descriptor| Passed {
            descriptor,
            answered,
        });
        let text = encode(command, &arguments);
        connection.trace.sent(command, &arguments);
        connection.shared.pending.send(waiting, text, passed)?;
        drop(arguments);
        let answer = match connection.timeout {
            None => answer.await,
            Some(limit) => timeout(limit, answer)
                .await
                .map_err(|_| timed_out(command, limit))?,
        };
        answer.unwrap_or_else(|_| Err(self.ended(command)))
    }

    /// Waits for a place or a turn. With a time-out, waiting ends when all that time nothing at all
    /// was answered.
    async fn patiently<T>(
        &self,
        command: &str,
        mut wanted: std::pin::Pin<Box<impl Future<Output = T>>>,
    ) -> Result<T, QmpError> {
        let Some(limit) = self.0.timeout else {
            return Ok(wanted.await);
        };
        loop {
            let before = self.0.shared.pending.replies();
            match timeout(limit, &mut wanted).await {
                Ok(got) => return Ok(got),
                Err(_) if self.0.shared.pending.replies() == before => {
                    return Err(timed_out(command, limit));
                }
                Err(_) => {}
            }
        }
    }

    fn ended(&self, command: &str) -> QmpError {
        let end = self.0.shared.pending.end();
        end.unwrap_or(End::Lost).error(command)
    }
}

impl Qmp for Client {
    fn execute<'a>(&'a self, command: &'a str, arguments: Value) -> BoxFuture<'a, QmpResult> {
        Box::pin(self.request(command, arguments, None))
    }

    fn execute_with_fd<'a>(
        &'a self,
        command: &'a str,
        arguments: Value,
        fd: BorrowedFd<'a>,
    ) -> BoxFuture<'a, QmpResult> {
        Box::pin(async move {
            if !self.0.takes_descriptors {
                return Err(QmpError::Unsupported(
                    "descriptors can be passed over unix sockets only".into(),
                ));
            }
            // The request may go out after the caller gave up and closed its own.
            let fd = fd.try_clone_to_owned().map_err(|e| {
                QmpError::Unsupported(format!("the descriptor can't be passed: {e}"))
            })?;
            self.request(command, arguments, Some(fd)).await
        })
    }

    fn permits(&self, allow: &str) {
        self.0.trace.permitted(allow);
    }

    fn greeting(&self) -> Option<&Value> {
        Some(&self.0.greeting)
    }

    fn sees_numbers(&self) -> bool {
        self.0.takes_descriptors && self.0.peer.as_ref().is_some_and(Peer::is_open)
    }

    fn number_of(&self, fd: BorrowedFd<'_>) -> Option<i32> {
        self.0.peer.as_ref()?.number_of(fd)
    }

    fn can_open(&self, path: &str) -> Option<bool> {
        self.0.peer.as_ref()?.can_open(path)
    }

    fn may_hold_ours(&self) -> bool {
        self.0.peer.as_ref().is_none_or(Peer::may_hold_ours)
    }

    fn may_share_files(&self) -> bool {
        self.0.may_be_local
    }
}

fn timed_out(command: &str, limit: Duration) -> QmpError {
    QmpError::Timeout {
        command: command.to_owned(),
        seconds: whole_seconds(limit),
    }
}

/// Compact, and without `arguments` where there are none: each byte costs.
fn encode(command: &str, arguments: &Value) -> String {
    #[derive(Serialize)]
    struct Wire<'a> {
        execute: &'a str,
        #[serde(skip_serializing_if = "Value::is_null")]
        arguments: &'a Value,
    }
    let wire = Wire {
        execute: command,
        arguments,
    };
    // Text and numbers: nothing in there fails to serialise.
    serde_json::to_string(&wire).unwrap_or_default()
}

/// Refuses the noncharacters of Unicode: QEMU would answer that the JSON is broken, without an id.
fn encodable(value: &Value) -> Result<(), QmpError> {
    let check = |text: &str| {
        let found = text.chars().find(|&c| {
            let code = u32::from(c);
            code & 0xFFFE == 0xFFFE || (0xFDD0..=0xFDEF).contains(&code)
        });
        found.map_or(Ok(()), |c| {
            Err(QmpError::generic(format!(
                "QMP has no way to say U+{:04X}",
                u32::from(c)
            )))
        })
    };
    match value {
        Value::String(text) => check(text),
        Value::Array(list) => list.iter().try_for_each(encodable),
        Value::Object(members) => members
            .iter()
            .try_for_each(|(name, value)| check(name).and_then(|()| encodable(value))),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// Writes requests as they come, with `end` behind each.
async fn write(
    mut writer: Writer,
    end: &'static str,
    mut queue: mpsc::UnboundedReceiver<(u64, Request)>,
    shared: Arc<Shared>,
) {
    let mut next = queue.recv().await;
    while let Some((id, mut request)) = next {
        next = None;
        let mut ids = vec![id];
        if request.passed.is_none() {
            request.text.push_str(end);
        }
        // What is there already goes out in the same write; what has a descriptor goes alone.
        while request.passed.is_none() {
            let Ok((id, more)) = queue.try_recv() else {
                break;
            };
            if more.passed.is_some() {
                next = Some((id, more));
                break;
            }
            ids.push(id);
            request.text.push_str(&more.text);
            request.text.push_str(end);
        }
        if writer.send(&request).await.is_err() {
            // Replies to what went out before may still be on their way: only the reader ends the
            // connection.
            queue.close();
            ids.extend(next.map(|(id, _)| id));
            while let Some((id, _)) = queue.recv().await {
                ids.push(id);
            }
            for id in ids {
                shared.pending.unsent(id);
            }
            return;
        }
        // QEMU looks at the descriptor that came last for each byte that it reads, on a thread of
        // its own, while another takes it for the request (chardev/char-socket.c, tcp_chr_recv and
        // tcp_get_msgfds): a byte behind the request, be it a line end, can crash it. So there is
        // none before the reply.
        if let Some(Passed {
            descriptor,
            answered,
        }) = request.passed
        {
            // It is QEMU's now.
            drop(descriptor);
            let _ = answered.await;
        }
        if next.is_none() {
            next = queue.recv().await;
        }
    }
}

async fn read(mut reader: Reader, shared: Arc<Shared>) {
    let end = loop {
        match reader.message().await {
            Ok(message) => {
                if let Err(text) = dispatch(message, &shared) {
                    break End::Garbage(text);
                }
            }
            Err(ReadError::Ended) => break End::Lost,
            Err(ReadError::Garbage(error)) => break End::Garbage(error.to_string()),
        }
    };
    shared.close(end);
}

/// Sends a message where it belongs; what is neither reply nor event is an error.
fn dispatch(message: Message, shared: &Shared) -> Result<(), String> {
    let Message { mut value, size } = message;
    if value.get("event").is_some() {
        let event = Event::read(value).ok_or("an event without a name")?;
        shared.events.push(event, size);
        return Ok(());
    }
    let reply = if value.get("error").is_some() {
        let (class, desc) = read_error(&value);
        Err(QmpError::Command { class, desc })
    } else if let Some(result) = value.get_mut("return") {
        Ok(result.take())
    } else {
        return Err("a message that is neither reply nor event".into());
    };
    let id = value.get("id").filter(|id| !id.is_null());
    shared.pending.reply(id, reply, size)
}
