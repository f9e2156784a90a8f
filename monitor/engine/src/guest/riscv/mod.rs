// SPDX-License-Identifier: GPL-2.0-or-later
//! RISC-V CPUs of 64 bits.

pub mod paging;
pub mod section;
