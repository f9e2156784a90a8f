// SPDX-License-Identifier: GPL-2.0-or-later
//! The program `hmp` as a library: a QMP client on tokio, finding QEMUs, the prompt.

pub mod client;
pub mod discover;
pub mod host;
#[cfg(feature = "repl")]
pub mod repl;
