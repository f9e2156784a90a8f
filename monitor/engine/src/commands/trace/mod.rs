//! Trace events and statistics.

pub mod events;
pub mod info_stats;
