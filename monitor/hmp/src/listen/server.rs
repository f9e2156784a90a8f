// SPDX-License-Identifier: GPL-2.0-or-later
//! The sockets' clients, as long as one QEMU is connected.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::client::Events;
use crate::listen::address::Place;
use crate::listen::client::{At, serve};
use crate::listen::over::Over;
use crate::listen::qemu::Qemu;
use crate::listen::socket::{BindError, Binding, Socket};
use crate::listen::state::{Format, Named, State};
use crate::listen::stream::Stream;
use crate::listen::unread::Unread;
use crate::listen::vacant::Vacant;

/// How long no client is accepted after one could not be: there are too many.
const PAUSE: Duration = Duration::from_millis(100);

/// How long clients may take to be closed.
const CLOSING: Duration = Duration::from_secs(1);

/// How clients are served.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// One at a time, the others wait, as the built-in does.
    pub one: bool,
    /// Each has a history, a CPU and formats of its own.
    pub own_state: bool,
}

/// How the connection to QEMU ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// QEMU said that it ends.
    Shutdown,
    /// It said nothing.
    Lost,
}

/// Monitor sockets.
pub struct Server {
    sockets: Vec<Arc<Socket>>,
    manner: Manner,
    named: Named,
}

impl Server {
    /// Makes the sockets. `named`: the descriptors that the program was given, for `getfd`.
    ///
    /// It needs a tokio runtime with I/O.
    pub fn bind(
        places: &[Place],
        binding: &Binding,
        manner: Manner,
        named: impl Fn(&str) -> Option<OwnedFd> + Send + Sync + 'static,
    ) -> Result<Self, BindError> {
        let mut sockets = Vec::new();
        for place in places {
            sockets.extend(Socket::bind(place, binding)?.into_iter().map(Arc::new));
        }
        Ok(Self {
            sockets,
            manner,
            named: Arc::new(named),
        })
    }

    /// Serves the sockets' clients until QEMU ends; then all are closed. Those that connect between
    /// two QEMUs wait for the second. Where no socket is left, it ends too.
    pub async fn serve(&self, qemu: Qemu, events: &mut Events) -> Ended {
        let qemu = Arc::new(qemu);
        let format = Format::default();
        let unread = Unread::default();
        let (ending, over) = watch::channel(false);
        let over = Over::new(over);
        let mut sockets = JoinSet::new();
        for socket in &self.sockets {
            let serving = Serving {
                socket: Arc::clone(socket),
                qemu: Arc::clone(&qemu),
                manner: self.manner,
                format: Arc::clone(&format),
                named: Arc::clone(&self.named),
                unread: unread.another(),
                over: over.clone(),
            };
            sockets.spawn(serving.clients());
        }
        let mut ended = Ended::Lost;
        while let Some(event) = events.recv().await {
            if event.name == "SHUTDOWN" {
                ended = Ended::Shutdown;
            }
        }
        ending.send_replace(true);
        let closed = async { while sockets.join_next().await.is_some() {} };
        let _ = timeout(CLOSING, closed).await;
        ended
    }
}

/// One socket and what its clients need.
struct Serving {
    socket: Arc<Socket>,
    qemu: Arc<Qemu>,
    manner: Manner,
    format: Format,
    named: Named,
    unread: Unread,
    over: Over,
}

impl Serving {
    /// Accepts clients until QEMU ends, and waits for those that are there.
    async fn clients(self) {
        let state = Arc::new(self.state());
        let vacant = Arc::new(Vacant::default());
        let mut clients = JoinSet::new();
        let mut over = self.over.clone();
        loop {
            let full = self.manner.one && !clients.is_empty();
            tokio::select! {
                biased;
                () = over.wait() => break,
                _ = clients.join_next(), if !clients.is_empty() => {}
                stream = self.socket.accept(), if !full => match stream {
                    Ok(stream) => {
                        clients.spawn(self.client(stream, &state, &vacant));
                    }
                    Err(_) => sleep(PAUSE).await,
                }
            }
        }
        while clients.join_next().await.is_some() {}
        vacant.clear();
    }

    fn state(&self) -> State {
        State::new(Arc::clone(&self.format), Arc::clone(&self.named))
    }

    fn client(
        &self,
        stream: Stream,
        state: &Arc<State>,
        vacant: &Arc<Vacant>,
    ) -> impl Future<Output = ()> + use<> {
        let (state, vacant) = match self.manner.own_state {
            true => {
                let state = State::new(Format::default(), Arc::clone(&self.named));
                (Arc::new(state), Arc::default())
            }
            false => (Arc::clone(state), Arc::clone(vacant)),
        };
        let qemu = Arc::clone(&self.qemu);
        let place = At {
            qemu,
            state,
            vacant,
            unread: self.unread.another(),
        };
        serve(stream, self.socket.telnet, place, self.over.clone())
    }
}
