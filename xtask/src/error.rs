// SPDX-License-Identifier: GPL-2.0-or-later
//! Why a tool stops: a sentence for whoever called it.

/// Any error; no tool decides by its kind.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
