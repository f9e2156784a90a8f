// SPDX-License-Identifier: GPL-2.0-or-later
//! Character devices.

pub mod backend;
pub mod options;
