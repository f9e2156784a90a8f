// SPDX-License-Identifier: GPL-2.0-or-later
//! How to connect.

use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use crate::client::frame::Limits;

/// How to connect.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long connecting may take, and then the greeting.
    pub connect_timeout: Duration,
    /// How long to wait altogether, instead of that, for the socket to appear and for our turn at
    /// it; none: a socket that is not there is an error at once.
    pub wait: Option<Duration>,
    /// How long a command may take, counted from the moment it is sent; none: as long as it takes.
    pub command_timeout: Option<Duration>,
    /// What a message may cost.
    pub limits: Limits,
    /// The id of the request that starts the session. By default it differs from connection to
    /// connection: the reply to a command of an earlier client, which QEMU sends to the next one,
    /// must not pass for ours. Later requests have none, or a digit; once a reply came that nobody
    /// waited for, the numbers behind this one.
    pub first_id: Option<u64>,
    /// Whether the process at the other end passes on to a QEMU elsewhere: then what `/proc` shows
    /// of it says nothing about that QEMU. A process that is not called QEMU passes for one of
    /// these anyway, unless it is this one.
    pub relayed: bool,
}

impl Default for Options {
    /// 10 s to connect, no limit for commands.
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            wait: None,
            command_timeout: None,
            limits: Limits::default(),
            first_id: None,
            relayed: false,
        }
    }
}

impl Options {
    /// Six digits: QEMU reads requests byte by byte, and takes several microseconds for each.
    pub(super) fn first_id(&self) -> u64 {
        self.first_id.unwrap_or_else(|| {
            let random = std::hash::RandomState::new().build_hasher().finish();
            100_000 + random % 800_000
        })
    }
}
