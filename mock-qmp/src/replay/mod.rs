// SPDX-License-Identifier: GPL-2.0-or-later
//! A machine made of a recording.

mod answer;
mod builtin;
mod find;
mod index;
mod key;
mod machine;
mod names;
mod nearest;
mod refuse;
mod state;

pub use state::{Mode, Replay, Timing};

#[cfg(test)]
mod tests;
