// SPDX-License-Identifier: GPL-2.0-or-later
//! Are the tests any good? Changes the engine's commands and formats in every way that
//! cargo-mutants knows, one at a time, and looks which tests and recorded cases notice.
//! `.ci/mutants.sh` calls this.
//!
//! All changes are built into one program, each behind a number, so that trying one takes seconds
//! and no build. Each check (a test, a recorded topic) is run once to learn which changes it passes
//! by at all.

pub mod build;
mod cargo;
pub mod checks;
pub mod edits;
mod instrument;
pub mod judge;
mod run;

pub use run::run;
