// SPDX-License-Identifier: GPL-2.0-or-later
//! What could stand at the end of a line: as the built-in says it, and more for people.

mod base;
mod devices;
mod lists;
pub mod more;
mod network;
mod source;

pub use self::base::{Completion, complete};
pub use self::source::Source;
