// SPDX-License-Identifier: GPL-2.0-or-later
//! QEMU's human monitor as a library: a line of text in, QMP commands out, the built-in monitor's
//! text back.

pub mod command;
mod commands;
pub mod engine;
pub mod format;
pub mod grammar;
pub mod guest;
pub mod host;
pub mod qemu;
pub mod qmp;
pub mod table;
