// SPDX-License-Identifier: GPL-2.0-or-later
//! The line editor of QEMU's monitor sockets, byte for byte: what a client sends becomes keys, and
//! each key the echo that `-monitor unix:...` gives (util/readline.c). It knows no terminal and does
//! no I/O; users at a terminal of their own have rustyline.

mod editor;
mod history;
mod keys;
mod line;
mod list;

pub use self::editor::{Entered, Readline};
pub use self::history::{History, Position};
