// SPDX-License-Identifier: GPL-2.0-or-later
//! The QMP client, against peers driven by hand and on real sockets.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;

mod requests;
mod sockets;
