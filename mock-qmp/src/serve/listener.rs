//! Listening sockets. Like QEMU's they serve one client at a time; two more may wait.

use super::address::Address;
use super::connection;
use super::handle::Shared;
use super::stream::Stream;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with,
};
use std::io;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::Path;
use std::sync::Arc;
use tokio::net::{TcpListener, UnixListener};

/// What QEMU asks for: one waiting connection, which Linux counts as two.
const BACKLOG: i32 = 1;

/// A bound socket.
#[derive(Debug)]
pub(crate) enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Listener {
    /// Binds the address, replacing a stale socket file, and returns the address with what the system chose.
    pub(crate) fn bind(address: &Address) -> io::Result<(Self, Address)> {
        match address {
            Address::Unix(path) => {
                let listener = StdUnixListener::from(bind_unix(path)?);
                Ok((
                    Listener::Unix(UnixListener::from_std(listener)?),
                    address.clone(),
                ))
            }
            Address::Tcp(place) => {
                let listener = std::net::TcpListener::bind(place.as_str())?;
                listener.set_nonblocking(true)?;
                let bound = Address::Tcp(listener.local_addr()?.to_string());
                Ok((Listener::Tcp(TcpListener::from_std(listener)?), bound))
            }
            Address::Memory => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Waits for a client.
    pub(crate) async fn accept(&self) -> io::Result<Stream> {
        match self {
            Listener::Unix(listener) => listener.accept().await.map(|(stream, _)| stream.into()),
            Listener::Tcp(listener) => listener.accept().await.map(|(stream, _)| stream.into()),
        }
    }

    /// Serves clients one after the other until the machine ends.
    pub(crate) async fn run(self, shared: Arc<Shared>, monitor: usize) {
        while !shared.lock().ended() {
            match self.accept().await {
                Ok(stream) => connection::serve(&shared, monitor, stream).await,
                // Out of descriptors, or a client that left at once: neither ends the server.
                Err(_) => tokio::task::yield_now().await,
            }
        }
        shared.unlink(monitor);
    }
}

fn bind_unix(path: &Path) -> io::Result<rustix::fd::OwnedFd> {
    let stale = std::os::unix::net::UnixStream::connect(path);
    if stale.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
        std::fs::remove_file(path)?;
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    listen(&socket, BACKLOG)?;
    Ok(socket)
}
