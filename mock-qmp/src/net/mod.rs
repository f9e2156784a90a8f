// SPDX-License-Identifier: GPL-2.0-or-later
//! The server on real sockets, and in memory.

mod address;
mod connection;
mod control;
mod handle;
mod listener;
mod shared;
mod stream;
mod upstream;

pub use address::{Address, AddressError};
pub use handle::Server;
pub(crate) use handle::{Setup, start};
pub(crate) use listener::Listener;
pub(crate) use stream::Stream;
pub(crate) use upstream::{Carried, Sent, Socket};
