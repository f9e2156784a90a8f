//! Snapshots of the whole VM.

pub mod vm;
