//! Text helpers shared by commands: pure functions.

pub mod disassembly;
pub mod json;
pub mod memory;
pub mod number;
pub mod properties;
pub mod qjson;
pub mod qtree;
pub mod shell;
pub mod size;
pub mod snapshot;
pub mod text;
pub mod time;
