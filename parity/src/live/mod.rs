// SPDX-License-Identifier: GPL-2.0-or-later
//! Real QEMUs: VMs, both sides on them, and the runs that compare there.

pub mod accel;
pub mod answers;
pub mod builtin;
pub mod complete;
pub mod engine;
mod folder;
pub mod fuzz;
mod pair;
mod panics;
pub mod permitted;
pub mod prefixes;
pub mod probing;
pub mod programs;
pub mod run;
mod screen;
pub mod side;
pub mod sweep;
pub mod tabs;
pub mod talk;
mod user;
pub mod vm;
mod vnc;
