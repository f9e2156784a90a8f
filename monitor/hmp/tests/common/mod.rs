// SPDX-License-Identifier: GPL-2.0-or-later
//! What several test files need. Each uses a part of it.
#![allow(dead_code, reason = "every test file is a crate of its own")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod engine;
#[cfg(feature = "repl")]
pub mod linux;
#[cfg(feature = "repl")]
pub mod listener;
pub mod peer;
pub mod picture;
#[cfg(feature = "repl")]
pub mod program;
#[cfg(feature = "repl")]
pub mod pty;
pub mod qemu;
pub mod random;
#[cfg(feature = "repl")]
pub mod roms;
pub mod rows;
pub mod screen;
pub mod steps;
