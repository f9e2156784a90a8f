// SPDX-License-Identifier: GPL-2.0-or-later
//! A monitor socket in front of a QMP socket: what `-monitor unix:...` is to its clients, byte for
//! byte, and several of them at once.

mod activation;
mod address;
mod client;
mod host;
mod input;
mod lock;
mod outlet;
mod over;
mod qemu;
mod seat;
mod server;
mod socket;
mod state;
mod stream;
mod telnet;
mod text;
mod unread;
mod vacant;

pub use self::activation::notify;
pub use self::address::{Place, PlaceError};
pub use self::qemu::Qemu;
pub use self::server::{Ended, Manner, Server};
pub use self::socket::{BindError, Binding};
