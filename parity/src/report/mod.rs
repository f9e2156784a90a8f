//! What a run found: plain data first, pages second.

mod data;
pub mod html;
pub mod junit;
pub mod markdown;
pub mod term;

pub use data::{Entry, FORMAT, Probed, Report, Sides, Totals};
