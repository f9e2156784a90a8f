// SPDX-License-Identifier: GPL-2.0-or-later
//! Listening sockets. Like QEMU's they serve one client at a time; two more may wait.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with, sockopt,
};
use tokio::net::{TcpListener, UnixListener};

use super::address::Address;
use super::connection;
use super::shared::Shared;
use super::stream::Stream;
use crate::core::Core;

/// What QEMU asks for: one waiting connection, which Linux counts as two.
const BACKLOG: i32 = 1;

/// A bound socket.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: Socket,
    /// Bound, but not listening for so long: connections are refused.
    refusal: Option<Duration>,
}

#[derive(Debug)]
enum Socket {
    Unix(UnixListener),
    Tcp(TcpListener),
    /// It does not listen yet: the runtime would take it for one that has hung up, for ever.
    Silent(OwnedFd),
}

impl Socket {
    fn listening(fd: OwnedFd, address: &Address) -> io::Result<Self> {
        listen(&fd, BACKLOG)?;
        Ok(match address {
            Address::Unix(_) => Self::Unix(UnixListener::from_std(StdUnixListener::from(fd))?),
            _ => Self::Tcp(TcpListener::from_std(std::net::TcpListener::from(fd))?),
        })
    }
}

impl Listener {
    /// Binds the address, replacing a stale socket file, and returns the address with what the
    /// system chose. With a refusal, it does not listen before [`Listener::run`] has waited.
    pub(crate) fn bind(
        address: &Address,
        refusal: Option<Duration>,
    ) -> io::Result<(Self, Address)> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{address}: {error}"));
        Self::bind_at(address, refusal).map_err(named)
    }

    fn bind_at(address: &Address, refusal: Option<Duration>) -> io::Result<(Self, Address)> {
        let (fd, bound) = match address {
            Address::Unix(path) => (bind_unix(path)?, address.clone()),
            Address::Tcp(place) => {
                let (fd, bound) = bind_tcp(place)?;
                (fd, Address::Tcp(bound.to_string()))
            }
            Address::Memory => return Err(io::ErrorKind::Unsupported.into()),
        };
        let socket = match refusal {
            None => Socket::listening(fd, address)?,
            Some(_) => Socket::Silent(fd),
        };
        Ok((Self { socket, refusal }, bound))
    }

    /// Waits for a client.
    pub(crate) async fn accept(&self) -> io::Result<Stream> {
        match &self.socket {
            Socket::Unix(listener) => listener.accept().await.map(|(stream, _)| stream.into()),
            Socket::Tcp(listener) => listener.accept().await.map(|(stream, _)| stream.into()),
            Socket::Silent(_) => std::future::pending().await,
        }
    }

    /// Serves clients one after the other until the machine ends; and again on the same address, if
    /// it is started again.
    pub(crate) async fn run(mut self, address: Address, shared: Arc<Shared>, monitor: usize) {
        if let Some(time) = self.refusal {
            tokio::time::sleep(time).await;
            if let Socket::Silent(fd) = self.socket {
                let Ok(socket) = Socket::listening(fd, &address) else {
                    return;
                };
                self.socket = socket;
            }
        }
        loop {
            shared.set_listening(monitor, true);
            self.serve(&shared, monitor).await;
            // Whoever comes now is refused, as where a QEMU was.
            drop(self);
            shared.set_listening(monitor, false);
            let decided = |core: &Core| core.ended() || !core.is_gone();
            shared.wait(decided).await;
            if shared.lock().ended() {
                return;
            }
            match Self::bind(&address, None) {
                Ok((again, _)) => self = again,
                // Somebody else has the address now.
                Err(_) => return,
            }
        }
    }

    async fn serve(&self, shared: &Arc<Shared>, monitor: usize) {
        while !shared.lock().is_gone() {
            // A machine that starts again first sees its clients off.
            shared.wait(Core::is_ready).await;
            let accepted = tokio::select! {
                accepted = self.accept() => accepted,
                () = shared.wait(Core::is_gone) => break,
            };
            match accepted {
                Ok(stream) => connection::serve(shared, monitor, stream).await,
                // Out of descriptors, or a client that left at once: neither ends the server.
                Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
        shared.unlink(monitor);
    }
}

fn bind_unix(path: &Path) -> io::Result<OwnedFd> {
    let stale = std::os::unix::net::UnixStream::connect(path);
    if stale.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
        std::fs::remove_file(path)?;
    }
    let socket = new_socket(AddressFamily::UNIX)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}

fn bind_tcp(place: &str) -> io::Result<(OwnedFd, SocketAddr)> {
    let unknown = io::Error::from(io::ErrorKind::AddrNotAvailable);
    let address = place.to_socket_addrs()?.next().ok_or(unknown)?;
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let socket = new_socket(family)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &address)?;
    let bound = SocketAddr::try_from(rustix::net::getsockname(&socket)?)?;
    Ok((socket, bound))
}

fn new_socket(family: AddressFamily) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socket_with(family, SocketType::STREAM, flags, None)?)
}
