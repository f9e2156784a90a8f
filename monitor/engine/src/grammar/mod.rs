// SPDX-License-Identifier: GPL-2.0-or-later
//! What is read: lines, arguments, expressions, numbers, option strings.

pub mod args;
pub mod expr;
pub mod keyval;
pub mod line;
pub mod lone;
pub mod number;
pub mod qjson;
pub mod secret;
pub mod shell;
pub mod size;
pub mod socket_address;
pub mod tree;
