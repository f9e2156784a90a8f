// SPDX-License-Identifier: GPL-2.0-or-later
//! The guest as QMP shows it: memory, regions, registers.

pub mod arm;
pub mod bytes;
pub mod dump;
pub mod given;
pub mod guards;
pub mod instructions;
pub mod memory;
pub mod mtree;
pub mod notes;
pub mod per_cpu;
pub mod ppc64;
pub mod ram;
pub mod regions;
pub mod registers;
pub mod riscv;
pub mod s390x;
pub mod segments;
pub mod sought;
pub mod stream;
pub mod x86;
