//! What lies under derived commands: the guest's registers and memory.

pub mod memory;
pub mod registers;
