//! CPUs.

pub mod cpus;
