// SPDX-License-Identifier: GPL-2.0-or-later
//! What a run found: plain data first, pages second. Nothing is judged here.

pub mod completion;
mod data;
pub mod history;
pub mod html;
pub mod junit;
pub mod mail;
pub mod markdown;
pub mod term;

pub use data::{FORMAT, Report, Sides, Totals};
