//! Displays, input and passwords.

pub mod info;
pub mod input;
pub mod password;
