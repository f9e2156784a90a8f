//! The monitor itself.

pub mod clear;
pub mod help;
pub mod print;
