// SPDX-License-Identifier: GPL-2.0-or-later
//! The connection of one client.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, RecvMsg, recvmsg};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

/// A client's connection.
#[derive(Debug)]
pub(super) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

/// Descriptors that one message can bring (`SCM_MAX_FD` of Linux).
const DESCRIPTORS: usize = 253;

impl Stream {
    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(stream) => stream.as_fd(),
            Self::Tcp(stream) => stream.as_fd(),
        }
    }

    /// Waits for bytes; 0 is the end. The first descriptor that came with them is kept.
    pub(super) async fn recv(&self, buffer: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
        match self {
            Self::Unix(stream) => {
                let read = || receive(stream.as_fd(), buffer);
                stream.async_io(Interest::READABLE, read).await
            }
            Self::Tcp(stream) => {
                let read = || Ok((stream.try_read(buffer)?, None));
                stream.async_io(Interest::READABLE, read).await
            }
        }
    }

    /// Waits until the client takes some of the bytes.
    pub(super) async fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self {
                Self::Unix(stream) => stream.writable().await?,
                Self::Tcp(stream) => stream.writable().await?,
            }
            match self.try_send(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
    }

    /// Sends what the client takes now.
    pub(super) fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.try_write(bytes),
            Self::Tcp(stream) => stream.try_write(bytes),
        }
    }

    /// Whether the client has closed both directions.
    pub(super) fn is_gone(&self) -> bool {
        let mut polled = [PollFd::from_borrowed_fd(self.fd(), PollFlags::empty())];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let gone = PollFlags::HUP | PollFlags::ERR;
        poll(&mut polled, Some(&now)).is_ok() && polled[0].revents().intersects(gone)
    }
}

fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut space =
        vec![std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut slices = [IoSliceMut::new(buffer)];
    let RecvMsg { bytes, .. } =
        recvmsg(socket, &mut slices, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut first = None;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            // The others are closed, as QEMU does.
            first = descriptors.into_iter().next().or(first);
        }
    }
    Ok((bytes, first))
}
