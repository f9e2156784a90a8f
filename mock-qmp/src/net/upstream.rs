// SPDX-License-Identifier: GPL-2.0-or-later
//! The connection to a QEMU behind the machine.

use std::io;
use std::net::TcpStream as StdTcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc::UnboundedReceiver;

use super::address::Address;
use super::shared::Shared;
use super::stream::Stream;

/// Bytes read at once.
const READ_SIZE: usize = 64 * 1024;

/// What is sent to the QEMU: bytes, and descriptors with the first of them.
pub(crate) type Sent = (Vec<u8>, Vec<OwnedFd>);

/// A connection, and what is to be sent over it.
pub(crate) type Carried = (Socket, UnboundedReceiver<Sent>);

/// A socket in blocking mode that is connected to a QEMU.
#[derive(Debug)]
pub(crate) enum Socket {
    Unix(StdUnixStream),
    Tcp(StdTcpStream),
}

impl Socket {
    /// Connects; reads give up after this time.
    pub(crate) fn connect(address: &Address, patience: Duration) -> io::Result<Self> {
        match address {
            Address::Unix(path) => {
                let stream = StdUnixStream::connect(path)?;
                stream.set_read_timeout(Some(patience))?;
                Ok(Self::Unix(stream))
            }
            Address::Tcp(place) => {
                let stream = StdTcpStream::connect(place.as_str())?;
                stream.set_read_timeout(Some(patience))?;
                Ok(Self::Tcp(stream))
            }
            Address::Memory => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// The same socket for tokio, in whose runtime this must be called.
    pub(super) fn into_stream(self) -> io::Result<Stream> {
        Ok(match self {
            Self::Unix(stream) => {
                stream.set_nonblocking(true)?;
                UnixStream::from_std(stream)?.into()
            }
            Self::Tcp(stream) => {
                stream.set_nonblocking(true)?;
                TcpStream::from_std(stream)?.into()
            }
        })
    }
}

impl io::Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(buffer),
            Self::Tcp(stream) => stream.read(buffer),
        }
    }
}

impl io::Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write(bytes),
            Self::Tcp(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Carries bytes between the QEMU and the machine in front of it until the QEMU is gone.
pub(crate) async fn run(
    stream: Stream,
    mut outgoing: UnboundedReceiver<Sent>,
    shared: Arc<Shared>,
) {
    let receive = async {
        let mut buffer = vec![0; READ_SIZE];
        while let Ok((count @ 1.., _)) = stream.receive(&mut buffer).await {
            shared.with(|core, now| core.upstream_sent(&buffer[..count], now));
        }
    };
    let send = async {
        while let Some((bytes, descriptors)) = outgoing.recv().await {
            if stream.send_with(&bytes, &descriptors).await.is_err() {
                break;
            }
        }
        // What it said last is still read.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = receive => {}
        () = send => {}
    }
    shared.with(crate::core::Core::upstream_closed);
}
