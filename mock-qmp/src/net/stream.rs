// SPDX-License-Identifier: GPL-2.0-or-later
//! A client's socket: bytes, and on Unix sockets descriptors with them.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

/// Most descriptors that QEMU takes with one message (`TCP_MAX_FDS`).
const MOST_DESCRIPTORS: usize = 16;

/// A connected socket.
#[derive(Debug)]
pub(crate) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl From<UnixStream> for Stream {
    fn from(stream: UnixStream) -> Self {
        Self::Unix(stream)
    }
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        // A stand-in for QEMU must not hold replies back; if that cannot be set, they are only
        // later.
        let _ = stream.set_nodelay(true);
        Self::Tcp(stream)
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(stream) => stream.as_fd(),
            Self::Tcp(stream) => stream.as_fd(),
        }
    }
}

impl Stream {
    /// Waits for bytes and reads them: 0 at the end of input.
    pub(crate) async fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        loop {
            let result = match self {
                Self::Unix(stream) => {
                    stream.readable().await?;
                    stream.try_io(Interest::READABLE, || receive_message(stream, buffer))
                }
                Self::Tcp(stream) => {
                    stream.readable().await?;
                    stream.try_read(buffer).map(|count| (count, Vec::new()))
                }
            };
            match result {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
        }
    }

    /// Waits for bytes and looks at them, without taking them: 0 at the end of input. Of bytes with
    /// descriptors it shows one at a time, as QEMU reads, and says so.
    pub(crate) async fn look(&self, buffer: &mut [u8]) -> io::Result<(usize, bool)> {
        loop {
            let result = match self {
                Self::Unix(stream) => {
                    stream.readable().await?;
                    stream.try_io(Interest::READABLE, || {
                        let (count, ahead) = receive_once(stream, buffer, RecvFlags::PEEK)?;
                        let with_descriptors = !ahead.is_empty();
                        Ok((if with_descriptors { 1 } else { count }, with_descriptors))
                    })
                }
                Self::Tcp(stream) => {
                    stream.readable().await?;
                    stream.try_io(Interest::READABLE, || {
                        receive_once(stream, buffer, RecvFlags::PEEK)
                            .map(|(count, _)| (count, false))
                    })
                }
            };
            match result {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
        }
    }

    /// Takes so many of the bytes that were looked at, with the descriptors that came with them.
    pub(crate) fn take(&self, buffer: &mut [u8]) -> io::Result<Vec<OwnedFd>> {
        let mut taken = 0;
        let mut descriptors = Vec::new();
        while taken < buffer.len() {
            let (count, passed) = match self {
                Self::Unix(stream) => {
                    receive_once(stream, &mut buffer[taken..], RecvFlags::empty())?
                }
                Self::Tcp(stream) => {
                    receive_once(stream, &mut buffer[taken..], RecvFlags::empty())?
                }
            };
            if count == 0 {
                break;
            }
            taken += count;
            descriptors.extend(passed);
        }
        Ok(descriptors)
    }

    /// Sends all of the bytes.
    pub(crate) async fn send(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let result = match self {
                Self::Unix(stream) => {
                    stream.writable().await?;
                    stream.try_write(bytes)
                }
                Self::Tcp(stream) => {
                    stream.writable().await?;
                    stream.try_write(bytes)
                }
            };
            match result {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sends all of the bytes, and descriptors with the first of them where the socket passes any.
    pub(crate) async fn send_with(&self, bytes: &[u8], descriptors: &[OwnedFd]) -> io::Result<()> {
        let Self::Unix(stream) = self else {
            return self.send(bytes).await;
        };
        let sent = loop {
            if descriptors.is_empty() || bytes.is_empty() {
                break 0;
            }
            stream.writable().await?;
            match stream.try_io(Interest::WRITABLE, || {
                send_message(stream, bytes, descriptors)
            }) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => break other?,
            }
        };
        self.send(&bytes[sent..]).await
    }

    /// Whether the other side has closed both directions; QEMU notices that even while it does not
    /// read.
    pub(crate) fn is_hung_up(&self) -> bool {
        let mut polled = [PollFd::new(self, PollFlags::empty())];
        let now = rustix::time::Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let gone = PollFlags::HUP | PollFlags::ERR;
        poll(&mut polled, Some(&now)).is_ok_and(|count| count > 0)
            && polled[0].revents().intersects(gone)
    }
}

/// Reads bytes and the descriptors that came with the first of them.
///
/// The kernel joins bytes with descriptors to bytes before them that have none. QEMU reads byte by
/// byte, so that a command before takes no descriptor that comes after it; here that is done while
/// there are descriptors ahead.
fn receive_message(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let (count, ahead) = receive_once(&socket, buffer, RecvFlags::PEEK)?;
    // What has come since may have descriptors: no more than was looked at is taken.
    let take = if ahead.is_empty() { count } else { 1 };
    receive_once(&socket, &mut buffer[..take], RecvFlags::empty())
}

fn receive_once(
    socket: impl AsFd,
    buffer: &mut [u8],
    flags: RecvFlags,
) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut slices = [IoSliceMut::new(buffer)];
    let message = recvmsg(
        socket,
        &mut slices,
        &mut control,
        flags | RecvFlags::CMSG_CLOEXEC,
    )?;
    let mut descriptors = Vec::new();
    for item in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = item {
            descriptors.extend(rights);
        }
    }
    Ok((message.bytes, descriptors))
}

fn send_message(socket: impl AsFd, bytes: &[u8], descriptors: &[OwnedFd]) -> io::Result<usize> {
    let borrowed: Vec<_> = descriptors
        .iter()
        .take(MOST_DESCRIPTORS)
        .map(AsFd::as_fd)
        .collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&borrowed));
    Ok(sendmsg(
        socket,
        &[IoSlice::new(bytes)],
        &mut control,
        SendFlags::NOSIGNAL,
    )?)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn descriptors_come_with_the_bytes_that_they_were_sent_with() {
        let (mut client, server) = std::os::unix::net::UnixStream::pair().unwrap();
        client.write_all(b"before").unwrap();
        let file = OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        assert_eq!(send_message(&client, b"with", &[file]).unwrap(), 4);
        client.write_all(b"after").unwrap();
        drop(client);
        let mut buffer = [0; 64];
        let mut text = String::new();
        loop {
            let (count, descriptors) = receive_message(&server, &mut buffer).unwrap();
            if count == 0 {
                break;
            }
            text.push_str(&"#".repeat(descriptors.len()));
            text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        assert_eq!(text, "before#withafter");
    }
}
