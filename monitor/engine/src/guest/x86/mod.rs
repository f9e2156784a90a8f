// SPDX-License-Identifier: GPL-2.0-or-later
//! x86 CPUs: their state, where it is read from, and how they translate addresses.

pub mod apic;
pub mod cpu;
pub mod names;
pub mod noted;
pub mod paging;
pub mod section;
