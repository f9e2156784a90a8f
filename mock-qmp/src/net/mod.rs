// SPDX-License-Identifier: GPL-2.0-or-later
//! The server on real sockets, and in memory.

mod address;
mod connection;
mod control;
mod handle;
mod listener;
mod shared;
mod stream;

pub use address::{Address, AddressError};
pub use handle::Server;
pub(crate) use handle::{Setup, start};
pub(crate) use listener::Listener;
pub(crate) use stream::Stream;
