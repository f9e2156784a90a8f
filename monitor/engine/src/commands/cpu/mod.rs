// SPDX-License-Identifier: GPL-2.0-or-later
//! CPUs.

pub mod cpus;
pub mod lapic;
pub mod registers;
