// SPDX-License-Identifier: GPL-2.0-or-later
//! What is printed: text helpers, pure.

pub mod disassembly;
pub mod json;
pub mod memory;
pub mod number;
pub mod properties;
pub mod qtree;
pub mod sign;
pub mod sink;
pub mod snapshot;
pub mod text;
pub mod time;
