//! What lies under derived commands: the guest's registers and memory.

pub mod registers;
