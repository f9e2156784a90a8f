// SPDX-License-Identifier: GPL-2.0-or-later
//! A machine made of a recording.

mod answer;
mod builtin;
mod contradictions;
mod correct;
mod find;
mod ignored;
mod impossible;
mod index;
mod key;
mod lines;
mod lists;
mod machine;
mod model;
mod names;
mod nearest;
mod refuse;
mod relations;
mod state;
mod states;
mod steps;
mod text;

pub use contradictions::contradictions;
pub use ignored::{IgnoredError, IgnoredMember};
pub use state::{Mode, Replay, Timestamps, Timing};

#[cfg(test)]
mod tests;
