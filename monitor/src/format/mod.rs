//! Text helpers shared by commands: pure functions.

pub mod number;
pub mod size;
pub mod snapshot;
pub mod text;
pub mod time;
