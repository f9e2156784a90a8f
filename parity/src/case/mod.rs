// SPDX-License-Identifier: GPL-2.0-or-later
//! What there is to run and on which QEMU: data read from files, which asks nobody.

pub mod error;
pub mod file;
pub mod prefixes;
pub mod probe;
pub mod qemu;
pub mod recordings;

pub use error::CaseError;
pub use file::{Case, Disk, FullStep, Helper, Setup, Step, load};
pub use prefixes::Prefixes;
pub use probe::Probe;
pub use qemu::Qemu;
