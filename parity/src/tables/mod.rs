// SPDX-License-Identifier: GPL-2.0-or-later
//! Rows by QEMUs: what the tables say, with nothing running.

pub mod changed;
pub mod coverage;
pub mod fill;
pub mod forecast;
pub mod gaps;
pub mod hx;
pub mod interfaces;
pub mod offered;
pub mod pairs;
pub mod parts;
pub mod qapi;
pub mod scaffold;
mod since;
pub mod status;
pub mod stuck;
pub mod tried;
