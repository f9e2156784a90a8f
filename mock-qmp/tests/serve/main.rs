// SPDX-License-Identifier: GPL-2.0-or-later
//! `mock-qmp serve` and its like, through the program.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod control;
mod ends;
mod files;
mod machines;
mod mock;
mod options;
mod scripts;
mod state;
mod upstream;
