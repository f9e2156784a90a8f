// SPDX-License-Identifier: GPL-2.0-or-later
//! Displays, input and passwords.

pub mod info;
pub mod input;
pub mod password;
