// SPDX-License-Identifier: GPL-2.0-or-later
//! Arm CPUs, of 32 and 64 bits.

pub mod kinds;
pub mod narrow;
pub mod paging;
pub mod section;
pub mod traits;
pub mod vectors;
