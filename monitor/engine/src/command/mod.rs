// SPDX-License-Identifier: GPL-2.0-or-later
//! What a command is: its row, its routes, and what its function sees.

pub mod cx;
pub mod hazard;
pub mod jobs;
pub mod manual;
pub mod nature;
pub mod own;
pub(crate) mod progress;
pub mod route;
pub mod row;
pub mod rows;
pub mod session;
pub(crate) mod vm_state;
