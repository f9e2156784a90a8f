// SPDX-License-Identifier: GPL-2.0-or-later
//! Events at the prompt: which are shown, as what line, and what is kept of them.

pub(super) mod filter;
pub(super) mod left;
pub(super) mod line;
pub(super) mod migration;
pub(super) mod news;
pub(super) mod progress;
