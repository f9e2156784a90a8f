// SPDX-License-Identifier: GPL-2.0-or-later
//! Sockets that clients connect to: made, taken over or inherited, and removed at the end.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net as unix;
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::net::AddressFamily;
use tokio::net::{TcpListener, UnixListener};

use crate::client::address::Address;
use crate::listen::activation;
use crate::listen::address::Place;
use crate::listen::lock::Lock;
use crate::listen::stream::Stream;

/// How sockets are made.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// Permissions of a unix socket's file.
    pub mode: u32,
    /// Whether a TCP port may be open to other machines.
    pub anywhere: bool,
}

/// Why a socket can't be made.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The system says so.
    #[error("{place}: {error}")]
    Io {
        /// Where it should be.
        place: String,
        /// What the system says.
        error: io::Error,
    },
    /// Another program listens there.
    #[error("{0}: a program listens there already")]
    InUse(String),
    /// A file that is not a socket.
    #[error("{0}: there is a file that is not a socket")]
    NotASocket(String),
    /// A port that other machines could reach.
    #[error(
        "{0}: whoever reaches that port controls the VM; --bind-anywhere permits addresses that are \
         not this machine's own"
    )]
    Open(String),
    /// No sockets were passed.
    #[error("systemd: no sockets were passed to this process (LISTEN_PID, LISTEN_FDS)")]
    NothingPassed,
    /// One that was passed does not take connections.
    #[error("systemd: what was passed is not a listening stream socket")]
    NotListening,
}

/// A socket that takes clients.
#[derive(Debug)]
pub(super) struct Socket {
    listener: Listener,
    pub(super) telnet: bool,
    /// What to remove at the end.
    _file: Option<SocketFile>,
}

#[derive(Debug)]
enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Socket {
    /// Makes the socket, or the sockets, of a place.
    pub(super) fn bind(place: &Place, binding: &Binding) -> Result<Vec<Self>, BindError> {
        match place {
            Place::Socket { address, telnet } => Ok(vec![made(address, *telnet, binding)?]),
            Place::Inherited => inherited(|name| std::env::var_os(name)),
        }
    }

    /// The next client.
    pub(super) async fn accept(&self) -> io::Result<Stream> {
        match &self.listener {
            Listener::Unix(listener) => Ok(Stream::Unix(listener.accept().await?.0)),
            Listener::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
        }
    }
}

fn made(address: &Address, telnet: bool, binding: &Binding) -> Result<Socket, BindError> {
    let failed = |error| BindError::Io {
        place: address.to_string(),
        error,
    };
    let (listener, file) = match address {
        Address::Unix(path) => {
            let (listener, file) = at_path(path, binding.mode)?;
            (from_unix(listener).map_err(failed)?, Some(file))
        }
        Address::Abstract { name, .. } => {
            let bound = unix::SocketAddr::from_abstract_name(name)
                .and_then(|address| unix::UnixListener::bind_addr(&address))
                .and_then(from_unix);
            (bound.map_err(failed)?, None)
        }
        Address::Tcp { host, port } => {
            let places = (host.as_str(), *port).to_socket_addrs();
            let places: Vec<SocketAddr> = places.map_err(failed)?.collect();
            let open = places.iter().any(|place| !place.ip().is_loopback());
            if open && !binding.anywhere {
                return Err(BindError::Open(address.to_string()));
            }
            let bound = std::net::TcpListener::bind(&places[..]).and_then(from_tcp);
            (bound.map_err(failed)?, None)
        }
        Address::Vsock { .. } => return Err(failed(ErrorKind::Unsupported.into())),
    };
    Ok(Socket {
        listener,
        telnet,
        _file: file,
    })
}

fn from_unix(listener: unix::UnixListener) -> io::Result<Listener> {
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener).map(Listener::Unix)
}

fn from_tcp(listener: std::net::TcpListener) -> io::Result<Listener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener).map(Listener::Tcp)
}

/// The file of a unix socket, removed with it as long as it is this one.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    node: (u64, u64),
    _lock: Lock,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let there = fs::symlink_metadata(&self.path);
        if there.is_ok_and(|there| (there.dev(), there.ino()) == self.node) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes a unix socket at `path`. One that nobody listens at any more makes room.
fn at_path(path: &Path, mode: u32) -> Result<(unix::UnixListener, SocketFile), BindError> {
    let place = || path.display().to_string();
    let failed = |error| BindError::Io {
        place: place(),
        error,
    };
    // A path in another folder than ours later on would be another one.
    let path = std::path::absolute(path).map_err(failed)?;
    let lock = Lock::take(&path)
        .map_err(failed)?
        .ok_or_else(|| BindError::InUse(place()))?;
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
        Ok(there) if !there.file_type().is_socket() => return Err(BindError::NotASocket(place())),
        Ok(_) => match unix::UnixStream::connect(&path) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                fs::remove_file(&path).map_err(failed)?;
            }
            // It listens, or is full, or another user's.
            _ => return Err(BindError::InUse(place())),
        },
    }
    // Nobody else can connect before the permissions are as they should be.
    let before = rustix::process::umask(Mode::from_raw_mode(0o177));
    let bound = unix::UnixListener::bind(&path);
    rustix::process::umask(before);
    let listener = bound.map_err(failed)?;
    let there = fs::symlink_metadata(&path).map_err(failed)?;
    let file = SocketFile {
        node: (there.dev(), there.ino()),
        path,
        _lock: lock,
    };
    fs::set_permissions(&file.path, Permissions::from_mode(mode)).map_err(failed)?;
    Ok((listener, file))
}

/// The sockets that a service manager passed.
fn inherited(variable: impl Fn(&str) -> Option<OsString>) -> Result<Vec<Socket>, BindError> {
    let passed = activation::sockets(variable);
    if passed.is_empty() {
        return Err(BindError::NothingPassed);
    }
    passed.into_iter().map(taken).collect()
}

fn taken(descriptor: OwnedFd) -> Result<Socket, BindError> {
    let listens = rustix::net::sockopt::socket_acceptconn(descriptor.as_fd());
    let family = rustix::net::sockopt::socket_domain(descriptor.as_fd());
    let listener = match (listens, family) {
        (Ok(true), Ok(AddressFamily::UNIX)) => from_unix(descriptor.into()),
        (Ok(true), Ok(AddressFamily::INET | AddressFamily::INET6)) => from_tcp(descriptor.into()),
        _ => return Err(BindError::NotListening),
    };
    let listener = listener.map_err(|_| BindError::NotListening)?;
    Ok(Socket {
        listener,
        telnet: false,
        _file: None,
    })
}
