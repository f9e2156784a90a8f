// SPDX-License-Identifier: GPL-2.0-or-later
//! What the other end may do to every row of the tables (docs/hardening.md): each fault of the mock,
//! and lies.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;

mod faults;
mod lies;
mod meeting;
