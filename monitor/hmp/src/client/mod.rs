// SPDX-License-Identifier: GPL-2.0-or-later
//! A QMP client: requests go out with an id, replies come back to whoever asked, events go their
//! own way.
//!
//! It runs on any tokio runtime, current-thread ones included. Dropping the last [`Client`] closes
//! the connection.

pub mod address;
mod connect;
mod connection;
mod dial;
mod events;
pub mod frame;
pub(crate) mod option_string;
mod options;
mod peer;
mod pending;
mod refusal;
pub mod relay;
mod trace;
mod wire;

pub use self::connect::ConnectError;
pub use self::connection::Client;
pub use self::events::{Event, Events};
pub use self::options::Options;
pub use self::peer::{Life, Peer};
pub use self::pending::End;
pub use self::refusal::Refusal;
