// SPDX-License-Identifier: GPL-2.0-or-later
//! A recording session: clients come to a listening socket, and each is put through to QEMU.

use std::io;

use tokio::net::{TcpStream, UnixStream};

use super::proxy::Proxy;
use crate::net::{Address, Listener, Stream};

/// Listens on one address and puts clients through to the QEMU at the other, one after the other,
/// until `clients` of them have left or QEMU is gone. The socket file is removed at the end.
pub async fn record(
    listen: &Address,
    qemu: &Address,
    proxy: &Proxy,
    clients: Option<u64>,
) -> io::Result<()> {
    let (listener, _) = Listener::bind(listen, None)?;
    let result = put_through(&listener, qemu, proxy, clients).await;
    if let Address::Unix(path) = listen {
        std::fs::remove_file(path)?;
    }
    result
}

async fn put_through(
    listener: &Listener,
    qemu: &Address,
    proxy: &Proxy,
    clients: Option<u64>,
) -> io::Result<()> {
    let mut served = 0;
    while clients.is_none_or(|clients| served < clients) {
        let client = listener.accept().await?;
        let server: Stream = match qemu {
            Address::Unix(path) => UnixStream::connect(path).await?.into(),
            Address::Tcp(place) => TcpStream::connect(place.as_str()).await?.into(),
            Address::Memory => return Err(io::ErrorKind::Unsupported.into()),
        };
        match proxy.run(&client, &server).await {
            // The client may leave in the middle of anything.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
                ) => {}
            other => other?,
        }
        served += 1;
    }
    Ok(())
}
