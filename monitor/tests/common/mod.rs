//! What several test files need. Each uses a part of it.
#![allow(dead_code, reason = "every test file is a crate of its own")]

pub mod peer;
