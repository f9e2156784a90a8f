// SPDX-License-Identifier: GPL-2.0-or-later
//! What two answers to one line are worth: one ladder of verdicts, for all kinds of runs.

pub mod adapter;
pub mod baseline;
pub mod blocks;
pub mod cells;
pub mod compare;
pub mod completed;
pub mod entry;
pub mod known;
pub mod ladder;
pub mod mask;
pub mod ran;
#[doc(hidden)]
pub mod sample;

pub mod verdict;

pub use completed::{Completed, Tab, Tabs};
pub use entry::{Entry, Kind, Probed};
pub use known::KnownList;
pub use ran::{Outcome, Plan, Ran, Refusal, RouteTaken};
pub use verdict::Verdict;
