//! A machine made of a recording.

mod answer;
mod find;
mod index;
mod key;
mod machine;
mod names;
mod nearest;
mod refuse;

pub use machine::{Mode, Replay, Timing};

#[cfg(test)]
mod tests;
