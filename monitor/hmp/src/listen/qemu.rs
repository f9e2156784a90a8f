// SPDX-License-Identifier: GPL-2.0-or-later
//! The QEMU behind the sockets, and what of it clients can tell.

use std::sync::Arc;
use std::time::Duration;

use hmp_engine::command::route::Passthrough;
use hmp_engine::engine::Monitor;
use hmp_engine::host::{Host, Risk};
use hmp_engine::qemu::caps::Caps;
use hmp_engine::qmp::version::{Version, v};

use crate::client::Client;
use crate::host::files::Place;

/// The first release whose line editor knows ^N, ^P and ^U (9.1, commit e1e55d346a of QEMU).
const EMACS_KEYS: Version = v(9, 1);

/// The first release that shows no prompt while a line runs (8.1, commit 6ee7c82d0d of QEMU).
const ONE_PROMPT: Version = v(8, 1);

/// The QEMU behind the sockets.
pub struct Qemu {
    /// The connection to it.
    pub client: Client,
    /// What it offers.
    pub caps: Caps,
    /// Whether its built-in monitor may be used.
    pub passthrough: Passthrough,
    /// The highest risk class of routes that may be used.
    pub allow: Risk,
    /// How long a job that a line waits for may make no progress.
    pub patience: Option<Duration>,
}

impl Qemu {
    /// A monitor of its own for a seat.
    pub(super) fn monitor(&self, host: Arc<dyn Host>) -> Monitor {
        Monitor::builder(Arc::new(self.client.clone()))
            .host(host)
            .passthrough(self.passthrough)
            .allow(self.allow)
            .patience(self.patience)
            .build_with(self.caps.clone())
    }

    /// What a client reads first. The package's part of the version is left out, as in QEMU.
    pub(super) fn greeting(&self) -> String {
        let version = self.caps.version;
        format!("QEMU {version} monitor - type 'help' for more information\r\n")
    }

    /// Whether ^N, ^P and ^U are keys.
    pub(super) fn has_emacs_keys(&self) -> bool {
        self.caps.version >= EMACS_KEYS
    }

    /// Whether a client who comes while a line runs gets a prompt at once, and another one behind the
    /// line.
    pub(super) fn prompts_while_suspended(&self) -> bool {
        self.caps.version < ONE_PROMPT
    }

    /// Where names of files are completed.
    pub(super) fn place(&self) -> Place {
        let peer = self.client.peer();
        match peer.and_then(|peer| u32::try_from(peer.pid).ok()) {
            Some(pid) => Place::of_process(pid, None),
            None => Place::ours(None),
        }
    }
}
