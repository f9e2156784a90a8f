// SPDX-License-Identifier: GPL-2.0-or-later
//! The prompt: a user types, TAB completes, Ctrl-C cancels the running command, Ctrl-D leaves. When
//! QEMU goes, the prompt stays.
//!
//! ```text
//! wait     at the prompt: keys, TAB, events, the connection's end
//! inside   what TAB completes
//! line     a line: what the prompt itself does with it, or the monitor
//! long     how far a line is that takes long
//! moved    what QEMU writes or reads meanwhile
//! own      the prompt's own commands
//! connect  from one VM to another
//! state    what a prompt has
//! ```

mod connect;
mod inside;
mod line;
mod long;
mod moved;
mod own;
pub(super) mod state;
pub(super) mod tab;
mod wait;
