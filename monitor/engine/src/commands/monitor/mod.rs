// SPDX-License-Identifier: GPL-2.0-or-later
//! The monitor itself.

pub mod clear;
pub mod help;
pub mod print;
