// SPDX-License-Identifier: GPL-2.0-or-later
//! CPUs.

mod arm;
pub mod cpus;
pub mod lapic;
mod ppc64;
pub mod registers;
mod riscv;
mod s390x;
mod x86;
