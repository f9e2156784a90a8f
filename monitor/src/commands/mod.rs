//! What the commands do: one async function each, by family. No family uses another; what they share lies below them.

pub mod block;
pub mod block_info;
pub mod chardev;
pub mod cpu;
pub mod display;
pub mod help;
pub mod input;
pub mod machine;
pub mod machine_info;
pub mod memory;
pub mod memory_info;
pub mod migration_info;
pub mod migration_parameters;
pub mod net;
pub mod pci;
pub mod print;
pub mod qom;
pub mod run;
pub mod text;
pub mod trace;
pub mod virtio;
