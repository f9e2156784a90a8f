// SPDX-License-Identifier: GPL-2.0-or-later
//! Answers written in a file, in front of a machine.

mod file;
mod pattern;
mod rules;

pub use file::{Rule, ScriptError, ScriptFile};
pub(crate) use rules::Rules;
