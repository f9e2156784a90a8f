// SPDX-License-Identifier: GPL-2.0-or-later
//! What a monitor remembers between lines.

use crate::grammar::args::Format;
use crate::guest::given::Given;

/// What lines leave for the lines behind them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The index of the CPU chosen with `cpu`; the first CPU as long as none was. The built-in keeps
    /// it per monitor.
    pub cpu: Option<i64>,
    /// What `x`, `xp`, `print`, `i` and `o` use where the line gives no format. The built-in keeps
    /// it per process.
    pub format: Format,
    /// The mask last sent by `mouse_button`.
    pub mouse_buttons: i64,
}

/// State of one monitor.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// What lines leave for those behind them.
    pub kept: Kept,
    /// What to tell a user whose running line is given up or loses its connection: what may go on
    /// without it, and how to end that.
    pub goes_on: Vec<String>,
    /// The jobs that the running line began and has not cleared away.
    pub jobs: Vec<String>,
    /// The descriptors that the running line gave to QEMU and has not taken back.
    pub given: Given,
    /// Whether `quit` was carried out.
    pub quit: bool,
}
