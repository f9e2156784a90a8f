// SPDX-License-Identifier: GPL-2.0-or-later
//! The mock, from what it plays to where it is served, and the answers that a caller
//! writes.

mod builder;
mod script;

pub use builder::MockQmp;
pub use script::Answer;
