//! The mock, from what it plays to where it is served, and the answers that a caller writes himself.

mod builder;
mod script;

pub use builder::MockQmp;
pub use script::Answer;
