//! What is run: a VM and its lines.

mod file;

pub use file::{Case, CaseError, Disk, FullStep, Helper, Setup, Step, load};
