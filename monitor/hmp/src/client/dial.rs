// SPDX-License-Identifier: GPL-2.0-or-later
//! From an address to a stream, one try.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::{TcpStream, UnixStream};

use crate::client::address::Address;
use crate::client::frame::Limits;
use crate::client::wire::{Reader, Writer};

/// The longest path that a unix socket's address holds; also the length of a name that fills it.
const SUN_PATH: usize = 107;

/// Opens the stream of an address. A unix socket whose queue is full is `WouldBlock`.
pub(super) async fn dial(address: &Address, limits: Limits) -> io::Result<(Reader, Writer)> {
    match address {
        Address::Unix(path) => Ok(of_unix(unix(path).await?, limits)),
        Address::Abstract { name, tight } => {
            let stream = UnixStream::connect(abstract_path(name, *tight)?).await?;
            Ok(of_unix(stream, limits))
        }
        Address::Tcp { host, port } => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            let local = is_local(&stream);
            let (read, write) = stream.into_split();
            let reader = Reader::new(read, limits);
            let stream = Box::new(write);
            Ok((reader, Writer::Other { stream, local }))
        }
        Address::Vsock { cid, port } => {
            let (read, write) = vsock(*cid, *port).await?.into_split();
            let reader = Reader::new(read, limits);
            let stream = Box::new(write);
            let local = false;
            Ok((reader, Writer::Other { stream, local }))
        }
    }
}

/// The halves of a unix socket's connection, over which descriptors can be passed.
pub(super) fn of_unix(stream: UnixStream, limits: Limits) -> (Reader, Writer) {
    let (read, write) = stream.into_split();
    (Reader::new(read, limits), Writer::Unix(write))
}

/// A path too long for an address is reached through a descriptor of the socket itself.
async fn unix(path: &Path) -> io::Result<UnixStream> {
    use rustix::fs::{Mode, OFlags, open};
    if path.as_os_str().len() <= SUN_PATH {
        return UnixStream::connect(path).await;
    }
    let socket = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let short = Path::new("/proc/self/fd").join(socket.as_raw_fd().to_string());
    UnixStream::connect(short).await
}

/// A name of the abstract namespace, as tokio takes it: a NUL comes first.
fn abstract_path(name: &str, tight: bool) -> io::Result<PathBuf> {
    let mut bytes = [b"\0", name.as_bytes()].concat();
    if bytes.len() > SUN_PATH + 1 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the name is longer than 107 bytes",
        ));
    }
    if !tight {
        bytes.resize(SUN_PATH + 1, 0);
    }
    Ok(PathBuf::from(std::ffi::OsStr::from_bytes(&bytes)))
}

/// A connection by `AF_VSOCK`: tokio knows no such streams, but reads and writes any by the one
/// that it does know.
async fn vsock(cid: u32, port: u32) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::VSOCK, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    let begun = socket.connect(&SockAddr::vsock(cid, port));
    let waits = |error: &io::Error| {
        let code = error
            .raw_os_error()
            .map(rustix::io::Errno::from_raw_os_error);
        code == Some(rustix::io::Errno::INPROGRESS)
    };
    let pending = match begun {
        Ok(()) => false,
        Err(error) if waits(&error) => true,
        Err(error) => return Err(error),
    };
    let stream = UnixStream::from_std(OwnedFd::from(socket).into())?;
    if pending {
        stream.writable().await?;
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
    }
    Ok(stream)
}

/// Whether a connection ends on this machine, or seems to: a tunnel may go on from there.
fn is_local(stream: &TcpStream) -> bool {
    let Ok(peer) = stream.peer_addr() else {
        return false;
    };
    let own = stream.local_addr().is_ok_and(|own| own.ip() == peer.ip());
    own || peer.ip().to_canonical().is_loopback()
}
