// SPDX-License-Identifier: GPL-2.0-or-later
//! Differential fuzzing of the grammar: random lines on a real built-in monitor and on ours.
//!
//! Lines come from the rows' own args_types, with mistakes. What our parser accepts is carried out
//! only for commands that can't harm a VM; everything else must fail to parse, on both sides alike.

mod found;
mod generate;
mod run;

pub use found::{Difference, Found};
pub(crate) use generate::Generator;
pub(crate) use run::may_run;
pub use run::on;
