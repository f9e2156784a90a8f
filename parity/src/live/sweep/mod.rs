// SPDX-License-Identifier: GPL-2.0-or-later
//! Sweeps: everything that only looks, on one VM, asked of the built-in and of ours; on machines
//! that are given, or put together from what a QEMU offers.

pub mod answer;
mod catalogue;
pub mod found;
mod judged;
pub mod lines;
pub mod machine;
pub mod offers;
mod parts;
pub mod random;
mod run;
mod storage;
mod things;

pub use answer::{Answer, Asked};
pub use found::{Found, Machine};
pub use run::{given, on};
