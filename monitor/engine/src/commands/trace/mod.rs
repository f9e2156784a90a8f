// SPDX-License-Identifier: GPL-2.0-or-later
//! Trace events and statistics.

pub mod events;
pub mod info_stats;
