// SPDX-License-Identifier: GPL-2.0-or-later
//! What clients of a monitor socket get, byte for byte: the built-in's own socket beside that of
//! `hmp --listen`.
//!
//! [`random`] has the same bytes typed at both, on two VMs that are alike; [`recorded`] plays
//! conversations that were recorded at the built-in's. What may differ is in one table, [`Differs`].

mod client;
mod conversation;
mod differs;
mod generate;
mod machine;
pub mod random;
pub mod recorded;
mod table;

pub use self::differs::{Differs, DiffersError};
