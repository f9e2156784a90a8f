// SPDX-License-Identifier: GPL-2.0-or-later
//! Snapshots of the whole VM.

pub mod vm;
