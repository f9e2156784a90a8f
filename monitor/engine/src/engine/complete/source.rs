// SPDX-License-Identifier: GPL-2.0-or-later
//! What candidates are made of.

use crate::qemu::caps::Caps;
use crate::qmp::Qmp;

/// Where candidates come from.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// What the QEMU at hand offers.
    pub caps: &'a Caps,
    /// Whether its built-in monitor may be asked.
    pub builtin: bool,
    /// The QEMU.
    pub qmp: &'a dyn Qmp,
}
