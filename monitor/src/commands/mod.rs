//! What the commands do: one async function each, by family. No family uses another; what they share lies below them.

pub mod block;
pub mod block_info;
pub mod chardev;
pub mod cpu;
pub mod display;
pub mod help;
pub mod migration_info;
pub mod migration_parameters;
pub mod net;
pub mod print;
pub mod run;
pub mod text;
