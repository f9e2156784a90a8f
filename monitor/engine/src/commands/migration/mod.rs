// SPDX-License-Identifier: GPL-2.0-or-later
//! Migration and dirty rates.

pub mod control;
pub mod dirty_rate;
pub mod info_migrate;
pub mod info_parameters;
pub mod migrate;
pub mod set_parameter;
