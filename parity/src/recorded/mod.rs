// SPDX-License-Identifier: GPL-2.0-or-later
//! Recordings: made on real QEMUs, and run without any.

pub mod asked;
pub mod complete;
pub mod record;
pub mod run;
mod session;
