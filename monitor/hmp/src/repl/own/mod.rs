// SPDX-License-Identifier: GPL-2.0-or-later
//! Commands of the prompt itself, which no monitor of QEMU has.

pub(super) mod apropos;
pub(super) mod depth;
pub(super) mod examples;
pub(super) mod explain;
pub(super) mod keys;
pub(super) mod pages;
pub(super) mod qmp;
pub(super) mod secrets;
pub(super) mod watch;
