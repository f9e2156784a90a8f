// SPDX-License-Identifier: GPL-2.0-or-later
//! The machine and its state.

pub mod confidential;
pub mod control;
pub mod info;
pub mod info_firmware_log;
pub mod port_access;
pub mod ports;
pub mod replay;
pub mod run_state;
pub mod text;
pub mod xen;
