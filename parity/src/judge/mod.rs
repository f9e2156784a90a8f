//! What two answers to one line are worth.

pub mod baseline;
pub mod compare;
pub mod known;
pub mod mask;
