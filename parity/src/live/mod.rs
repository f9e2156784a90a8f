//! Real QEMUs: VMs, both sides on them, and what is compared there.

pub mod builtin;
pub mod complete;
pub mod fuzz;
pub mod probe;
pub mod qemu;
pub mod run;
pub(crate) mod screen;
pub mod side;
pub mod vm;
mod vnc;
