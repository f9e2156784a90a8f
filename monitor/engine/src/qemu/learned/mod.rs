// SPDX-License-Identifier: GPL-2.0-or-later
//! Tables learned from QEMU programs: facts that no QMP command says.

pub mod device_models;
pub mod property_order;
pub mod regions;
