// SPDX-License-Identifier: GPL-2.0-or-later
//! What is done to a client's socket.

use std::sync::Arc;
use std::time::Duration;

/// One thing to do to a client's socket.
#[derive(Debug, Clone)]
pub enum Output {
    /// Send these bytes.
    Bytes(Vec<u8>),
    /// Send these bytes.
    Shared(Arc<[u8]>),
    /// Send these bytes so many times.
    Repeat(Arc<[u8]>, u64),
    /// Send these bytes one at a time, waiting after each.
    Slowly(Vec<u8>, Duration),
    /// Wait.
    Pause(Duration),
    /// Remove the socket's file.
    Unlink,
    /// Close the connection.
    Close,
}
