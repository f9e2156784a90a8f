// SPDX-License-Identifier: GPL-2.0-or-later
//! The proxy: passes bytes and descriptors on, and lets a recorder see them.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::UnixStream;

use super::recorder::Recorder;
use crate::net::Stream;

const READ_SIZE: usize = 64 * 1024;

/// A recorder that a proxy and its owner share.
#[derive(Debug, Clone)]
pub struct Proxy {
    recorder: Arc<Mutex<Recorder>>,
}

impl Proxy {
    /// Shares a recorder.
    #[must_use]
    pub fn new(recorder: Recorder) -> Self {
        Self {
            recorder: Arc::new(Mutex::new(recorder)),
        }
    }

    /// The recorder: to begin a moment, to add lines of the built-in monitor, to finish.
    pub fn recorder(&self) -> MutexGuard<'_, Recorder> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes everything on between a client and QEMU until both sides are done or one is gone.
    pub(crate) async fn run(&self, client: &Stream, qemu: &Stream) -> io::Result<()> {
        let client_done = AtomicBool::new(false);
        let result = tokio::select! {
            result = self.to_qemu(client, qemu, &client_done) => result,
            result = self.to_client(client, qemu, &client_done) => result,
        };
        self.recorder().client_left();
        result
    }

    async fn to_qemu(
        &self,
        client: &Stream,
        qemu: &Stream,
        client_done: &AtomicBool,
    ) -> io::Result<()> {
        let mut buffer = vec![0; READ_SIZE];
        loop {
            let (count, descriptors) = client.receive(&mut buffer).await?;
            if count == 0 {
                client_done.store(true, Ordering::Relaxed);
                // The client may wait for answers after it has closed its sending side.
                rustix::net::shutdown(qemu, rustix::net::Shutdown::Write)?;
                std::future::pending::<()>().await;
            }
            let copies: Result<Vec<OwnedFd>, _> =
                descriptors.iter().map(OwnedFd::try_clone).collect();
            self.recorder().client_sent(&buffer[..count], copies?);
            qemu.send_with(&buffer[..count], &descriptors).await?;
        }
    }

    async fn to_client(
        &self,
        client: &Stream,
        qemu: &Stream,
        client_done: &AtomicBool,
    ) -> io::Result<()> {
        let mut buffer = vec![0; READ_SIZE];
        loop {
            let count = match qemu.receive(&mut buffer).await {
                Ok((count, _)) => count,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
                Err(error) => return Err(error),
            };
            if count == 0 {
                if !client_done.load(Ordering::Relaxed) {
                    self.recorder().qemu_closed();
                }
                return Ok(());
            }
            self.recorder().qemu_sent(&buffer[..count]);
            client.send(&buffer[..count]).await?;
        }
    }
}

/// Records what passes between a client and QEMU until both sides are done or one is gone. Both
/// streams are switched to non-blocking mode. Must be called in a tokio runtime.
pub async fn proxy(client: StdUnixStream, qemu: StdUnixStream, proxy: &Proxy) -> io::Result<()> {
    client.set_nonblocking(true)?;
    qemu.set_nonblocking(true)?;
    let (client, qemu) = (UnixStream::from_std(client)?, UnixStream::from_std(qemu)?);
    proxy.run(&client.into(), &qemu.into()).await
}
