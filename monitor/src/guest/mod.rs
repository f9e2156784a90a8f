//! What lies under derived commands: the guest's registers and memory.

pub mod device_models;
pub mod devices;
pub mod dump;
pub mod instructions;
pub mod memory;
pub mod objects;
pub mod pci;
pub mod per_cpu;
pub mod pins;
pub mod property_order;
pub mod ram;
pub mod regions;
pub mod registers;
