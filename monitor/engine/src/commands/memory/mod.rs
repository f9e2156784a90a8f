// SPDX-License-Identifier: GPL-2.0-or-later
//! The guest's memory.

pub mod arm;
pub mod dump;
mod hosted;
pub mod info;
mod instructions;
mod map;
pub mod mtree;
pub mod riscv;
pub mod save;
mod show;
pub mod show_physical;
pub mod show_virtual;
pub mod sum;
mod tables;
pub mod translate;
