// SPDX-License-Identifier: GPL-2.0-or-later
//! The recorded schema, and requests checked against it in QEMU's words.

mod check;
mod commands;
mod facts;
mod failure;
mod hash;
mod introspect;

pub use commands::changes_state;
pub(crate) use commands::{BUILTIN, DESCRIPTOR_COMMANDS, pauses};
pub(crate) use facts::allowed_before_machine;
pub use failure::Failure;
pub(crate) use hash::first as first_of_hash_table;
pub use introspect::{Schema, SchemaError};
