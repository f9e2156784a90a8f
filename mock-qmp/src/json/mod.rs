// SPDX-License-Identifier: GPL-2.0-or-later
//! JSON exactly as QEMU reads and writes it.
//!
//! General JSON parsers differ from QEMU's in what they accept, in where a broken value ends, in
//! the numbers they keep and in the order of object members. A mock that answers as QEMU does needs
//! all of that, so this module has its own lexer, stream parser and writer; it knows nothing of
//! QMP.

mod lexer;
mod number;
mod respace;
mod stream;
mod unicode;
mod value;
mod write;

pub use lexer::Position;
pub use respace::{compact, respace};
pub use stream::{Dialect, JsonError, Parser};
pub use value::{Object, Value};
pub use write::{Style, escape_bytes, write_value};

#[cfg(test)]
mod tests;
