// SPDX-License-Identifier: GPL-2.0-or-later
//! A client of a monitor socket.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, sleep};

/// How long a socket may refuse.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of one write.
const PIECE: usize = 4096;

/// Where a client connects.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Unix(PathBuf),
    Tcp(u16),
}

/// A connection.
#[derive(Clone, Debug)]
pub(super) enum Stream {
    Unix(Arc<UnixStream>),
    Tcp(Arc<TcpStream>),
}

impl Stream {
    /// Connects; a socket that is not there yet is waited for.
    pub(super) async fn connect(place: &Place) -> io::Result<Self> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let connected = match place {
                Place::Unix(path) => UnixStream::connect(path)
                    .await
                    .map(|s| Self::Unix(s.into())),
                Place::Tcp(port) => TcpStream::connect(("127.0.0.1", *port))
                    .await
                    .and_then(|s| s.set_nodelay(true).map(|()| Self::Tcp(s.into()))),
            };
            match connected {
                Err(_) if Instant::now() < deadline => sleep(Duration::from_millis(10)).await,
                done => return done,
            }
        }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(stream) => stream.as_fd(),
            Self::Tcp(stream) => stream.as_fd(),
        }
    }

    /// What has come next; nothing at the end.
    pub(super) async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match self {
                Self::Unix(stream) => {
                    stream.readable().await?;
                    stream.try_read(buffer)
                }
                Self::Tcp(stream) => {
                    stream.readable().await?;
                    stream.try_read(buffer)
                }
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
    }

    /// Sends all.
    pub(super) async fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let piece = &bytes[..bytes.len().min(PIECE)];
            let sent = match self {
                Self::Unix(stream) => {
                    stream.writable().await?;
                    stream.try_write(piece)
                }
                Self::Tcp(stream) => {
                    stream.writable().await?;
                    stream.try_write(piece)
                }
            };
            match sent {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sends bytes and an open file with them.
    pub(super) async fn write_with(&self, bytes: &[u8], file: BorrowedFd<'_>) -> io::Result<()> {
        let Self::Unix(stream) = self else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let send = || {
            let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            let files = [file];
            control.push(SendAncillaryMessage::ScmRights(&files));
            let slices = [IoSlice::new(bytes)];
            Ok(sendmsg(
                stream.as_fd(),
                &slices,
                &mut control,
                SendFlags::NOSIGNAL,
            )?)
        };
        stream.async_io(Interest::WRITABLE, send).await?;
        Ok(())
    }

    /// Says that no more comes.
    pub(super) fn finish(&self) -> io::Result<()> {
        Ok(rustix::net::shutdown(
            self.fd(),
            rustix::net::Shutdown::Write,
        )?)
    }
}
