//! What lies under derived commands: the guest's registers and memory.

pub mod memory;
pub mod objects;
pub mod regions;
pub mod registers;
