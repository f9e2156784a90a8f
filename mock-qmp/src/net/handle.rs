// SPDX-License-Identifier: GPL-2.0-or-later
//! The running server, as its owner sees it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Handle, Runtime};
use tokio::task::JoinHandle;

use super::address::Address;
use super::listener::Listener;
use super::shared::Shared;
use super::stream::Stream;
use super::upstream::Carried;
use super::{connection, control, upstream};
use crate::core::{Backend, Core, Files, Leftovers, MonitorOptions, SeenRequest};
use crate::fault::Fault;

/// How long clients may take to read what was sent before the end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What to start.
pub(crate) struct Setup {
    pub(crate) backend: Box<dyn Backend>,
    pub(crate) faults: Vec<Fault>,
    /// Makes random faults the same each time.
    pub(crate) seed: u64,
    /// Where files are written that requests name.
    pub(crate) files: Files,
    /// Whether the machine starts again when it has ended.
    pub(crate) repeats: bool,
    /// Where it is controlled.
    pub(crate) control: Option<PathBuf>,
    /// The QEMU behind the machine, and what is to be sent to it.
    pub(crate) upstream: Option<Carried>,
    /// How monitors that are opened in memory are set up.
    pub(crate) options: MonitorOptions,
}

/// A running server. It ends when it is dropped; [`Server::finish`] ends it and says what is left
/// over.
#[must_use = "a server ends when it is dropped"]
pub struct Server {
    shared: Arc<Shared>,
    options: MonitorOptions,
    addresses: Vec<Address>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    handle: Handle,
    /// Only where the caller has no runtime of its own.
    runtime: Option<Runtime>,
    control: Option<PathBuf>,
}

/// Binds the control socket, which only its owner may use.
fn control_listener(path: &Path) -> io::Result<tokio::net::UnixListener> {
    use std::os::unix::fs::PermissionsExt as _;
    let address = Address::Unix(path.to_owned());
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{address}: {error}"));
    let stale = std::os::unix::net::UnixStream::connect(path);
    if stale.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
        std::fs::remove_file(path).map_err(named)?;
    }
    let listener = tokio::net::UnixListener::bind(path).map_err(named)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(named)?;
    Ok(listener)
}

/// Starts a server on these addresses: in the caller's tokio runtime, or in its own where there is
/// none.
pub(crate) fn start(setup: Setup, monitors: &[(Address, MonitorOptions)]) -> io::Result<Server> {
    let (handle, runtime) = match Handle::try_current() {
        Ok(handle) => (handle, None),
        Err(_) => {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()?;
            (runtime.handle().clone(), Some(runtime))
        }
    };
    let guard = handle.enter();
    let mut core = Core::new(setup.backend)
        .with_faults(setup.faults, setup.seed)
        .with_files(setup.files)
        .with_seen(setup.control.is_some())
        .repeating(setup.repeats);
    let refusal = core.refusal();
    let shared = Arc::new(Shared::new(core));
    let mut server = Server {
        shared,
        options: setup.options,
        addresses: Vec::new(),
        tasks: Mutex::new(Vec::new()),
        handle: handle.clone(),
        runtime,
        control: setup.control.clone(),
    };
    if let Some(path) = &setup.control {
        let listener = control_listener(path)?;
        server.spawn(control::run(listener, server.shared.clone()));
    }
    server.spawn(server.shared.clone().run_clock());
    if let Some((socket, outgoing)) = setup.upstream {
        let stream = socket.into_stream()?;
        server.spawn(upstream::run(stream, outgoing, server.shared.clone()));
    }
    for (address, options) in monitors {
        let (listener, bound) = Listener::bind(address, refusal)?;
        let file = if let Address::Unix(path) = &bound {
            Some(path.clone())
        } else {
            None
        };
        let monitor = server.shared.add_monitor(*options, file);
        server.addresses.push(bound.clone());
        server.spawn(listener.run(bound, server.shared.clone(), monitor));
    }
    drop(guard);
    Ok(server)
}

impl Server {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let task = self.handle.spawn(task);
        self.tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(task);
    }

    /// Where it listens; of several addresses the first.
    pub fn address(&self) -> &Address {
        self.addresses.first().unwrap_or(&Address::Memory)
    }

    /// Where it listens, in the order in which that was asked for.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// Opens one more monitor of the same machine, in memory, and returns the client's end, which
    /// is in blocking mode.
    pub fn open_monitor(&self) -> io::Result<std::os::unix::net::UnixStream> {
        let (client, server) = std::os::unix::net::UnixStream::pair()?;
        server.set_nonblocking(true)?;
        let _guard = self.handle.enter();
        let stream = Stream::from(tokio::net::UnixStream::from_std(server)?);
        let monitor = self.shared.add_monitor(self.options, None);
        let shared = self.shared.clone();
        self.spawn(async move { connection::serve(&shared, monitor, stream).await });
        Ok(client)
    }

    /// Sends an event, given as JSON text, to all clients that have negotiated.
    pub fn send_event(&self, event: &serde_json::Value) {
        self.shared
            .with(|core, now| core.push_event(event.to_string(), now));
    }

    /// Goes to the recorded moment with this number, without the events on the way. `false` when
    /// there is none.
    pub fn go_to_moment(&self, number: u32) -> bool {
        self.shared.with(|core, now| core.go_to_moment(number, now))
    }

    /// Ends the machine as `quit` would: clients get this event, given as JSON, what is on its way
    /// to them, and the end of the connection.
    pub fn end(&self, event: Option<&serde_json::Value>) {
        self.shared.with(|core, now| {
            if let Some(event) = event {
                core.event(event.to_string(), now);
            }
            core.end_for_good();
        });
    }

    /// Whether the machine has ended.
    pub fn has_ended(&self) -> bool {
        self.shared.lock().ended()
    }

    /// Waits until the machine has ended and its clients have got everything, or do not take it.
    pub async fn ended(&self) {
        self.shared.wait(Core::ended).await;
        let gone = self.shared.wait(|core| !core.has_clients());
        // A client that does not read must not keep the server.
        let _ = tokio::time::timeout(LAST_WORDS, gone).await;
    }

    /// What would be left over if it ended now.
    #[must_use]
    pub fn leftovers(&self) -> Leftovers {
        self.shared.lock().leftovers()
    }

    /// The latest requests, where there is a control socket.
    #[must_use]
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.shared.lock().seen(0).cloned().collect()
    }

    /// Ends the server. What a strict replay did not hold or did not reach, and faults that never
    /// happened, are an error.
    pub fn finish(self) -> Result<(), Leftovers> {
        let leftovers = self.shared.lock().leftovers();
        if leftovers.is_empty() {
            Ok(())
        } else {
            Err(leftovers)
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for task in self
            .tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            task.abort();
        }
        (0..self.shared.monitors()).for_each(|monitor| self.shared.unlink(monitor));
        if let Some(path) = &self.control {
            // It may be gone already.
            let _ = std::fs::remove_file(path);
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}
