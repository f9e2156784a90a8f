//! A machine made of a recording.

mod index;
mod key;
mod machine;
mod nearest;

pub use machine::{Mode, Replay, Timing};
