// SPDX-License-Identifier: GPL-2.0-or-later
//! The two directions of a connection: messages in, requests out, with a descriptor where one goes
//! along.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::oneshot;

use crate::client::frame::{FrameError, Framer, Limits};
use crate::client::peer::Peer;

/// Bytes asked for at a time.
const CHUNK: usize = 64 << 10;
/// First bytes that are kept.
const HEAD: usize = 256;
/// Messages longer or deeper than this are read as JSON on a thread of their own: the runtime's
/// threads go on, and their stack need not be large.
const INLINE_BYTES: usize = 1 << 20;
const INLINE_DEPTH: usize = 128;
const STACK: usize = 8 << 20;

/// Class and sentence of an error reply.
pub(super) fn read_error(message: &Value) -> (String, String) {
    let member = |name| {
        let text = message.get("error").and_then(|error| error.get(name));
        text.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    (member("class"), member("desc"))
}

/// Why no more messages come.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The other end closed, or the connection broke.
    Ended,
    /// What came is not QMP.
    Garbage(FrameError),
}

impl From<FrameError> for ReadError {
    fn from(error: FrameError) -> Self {
        Self::Garbage(error)
    }
}

/// A message and the length of its text in bytes.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) value: Value,
    pub(super) size: usize,
}

pub(super) struct Reader {
    stream: Box<dyn AsyncRead + Send + Unpin>,
    framer: Framer,
    limits: Limits,
    chunk: Box<[u8]>,
    /// The first bytes that came, a few of them: they show what the other end speaks.
    head: Vec<u8>,
}

impl Reader {
    pub(super) fn new(stream: impl AsyncRead + Send + Unpin + 'static, limits: Limits) -> Self {
        Self {
            stream: Box::new(stream),
            framer: Framer::new(limits),
            limits,
            chunk: vec![0; CHUNK].into_boxed_slice(),
            head: Vec::new(),
        }
    }

    /// Changes what the messages from here on may cost.
    pub(super) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.framer.set_limits(limits);
    }

    /// The first bytes that came; none as long as nothing came.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Waits for the first bytes, which [`head`](Self::head) has then.
    pub(super) async fn begin(&mut self) -> Result<(), ReadError> {
        match self.head.is_empty() {
            true => self.read().await,
            false => Ok(()),
        }
    }

    /// Reads what is there, at least a byte.
    async fn read(&mut self) -> Result<(), ReadError> {
        // How the connection broke adds nothing for the user that its end does not say.
        match self.stream.read(&mut self.chunk).await {
            Ok(0) | Err(_) => Err(ReadError::Ended),
            Ok(count) => {
                let room = HEAD.saturating_sub(self.head.len());
                self.head.extend(&self.chunk[..count.min(room)]);
                self.framer.push(&self.chunk[..count]);
                Ok(())
            }
        }
    }

    /// The next message. Not to be called again when the future was dropped.
    pub(super) async fn message(&mut self) -> Result<Message, ReadError> {
        while !self.framer.find()? {
            self.read().await?;
        }
        let frame = self.framer.found();
        let (size, depth) = (frame.bytes.len(), frame.depth);
        let value = if size <= INLINE_BYTES && depth <= INLINE_DEPTH {
            frame.parse()?
        } else {
            self.parse_elsewhere().await?
        };
        Ok(Message { value, size })
    }

    async fn parse_elsewhere(&mut self) -> Result<Value, FrameError> {
        let framer = std::mem::replace(&mut self.framer, Framer::new(self.limits));
        let (send, parsed) = oneshot::channel();
        let lost = || FrameError::Json("no thread to read a long message".into());
        std::thread::Builder::new()
            .name("qmp-json".into())
            .stack_size(STACK)
            .spawn(move || {
                let value = framer.found().parse();
                let _ = send.send((framer, value));
            })
            .map_err(|_| lost())?;
        let (framer, value) = parsed.await.map_err(|_| lost())?;
        self.framer = framer;
        value
    }
}

/// A request on its way out.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) text: String,
    pub(super) passed: Option<Passed>,
}

/// A descriptor that goes along with a request.
#[derive(Debug)]
pub(super) struct Passed {
    pub(super) descriptor: OwnedFd,
    /// Comes to its end with the reply, or when there will be none.
    pub(super) answered: oneshot::Receiver<()>,
}

pub(super) enum Writer {
    Unix(OwnedWriteHalf),
    Other {
        stream: Box<dyn AsyncWrite + Send + Unpin>,
        /// Whether it may lead to a process of this machine.
        local: bool,
    },
}

impl Writer {
    pub(super) fn takes_descriptors(&self) -> bool {
        matches!(self, Self::Unix(_))
    }

    /// The process at the other end, where it can be known.
    pub(super) fn peer(&self) -> Option<Peer> {
        match self {
            Self::Unix(half) => Peer::of(half.as_ref()),
            Self::Other { .. } => None,
        }
    }

    pub(super) fn may_be_local(&self) -> bool {
        !matches!(self, Self::Other { local: false, .. })
    }

    pub(super) async fn send(&mut self, request: &Request) -> io::Result<()> {
        let text = request.text.as_bytes();
        match (self, &request.passed) {
            (Self::Unix(half), Some(passed)) => {
                let sent = send_with(half.as_ref(), text, &passed.descriptor).await?;
                half.write_all(&text[sent..]).await
            }
            (Self::Unix(half), None) => half.write_all(text).await,
            (Self::Other { stream, .. }, _) => {
                stream.write_all(text).await?;
                stream.flush().await
            }
        }
    }
}

/// Sends the first bytes of `text` together with `descriptor`; how many went is up to the socket.
async fn send_with(stream: &UnixStream, text: &[u8], descriptor: &OwnedFd) -> io::Result<usize> {
    stream
        .async_io(Interest::WRITABLE, || {
            let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            let descriptors = [descriptor.as_fd()];
            control.push(SendAncillaryMessage::ScmRights(&descriptors));
            let sent = sendmsg(
                stream,
                &[IoSlice::new(text)],
                &mut control,
                SendFlags::NOSIGNAL,
            )?;
            Ok(sent)
        })
        .await
}
