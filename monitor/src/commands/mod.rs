//! What the commands do: one async function each, by family. No family uses another; what they share lies below them.

pub mod cpu;
pub mod help;
pub mod print;
pub mod run;
pub mod text;
