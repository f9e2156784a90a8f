// SPDX-License-Identifier: GPL-2.0-or-later
//! The dashboard: what the page holds, and how it behaves in a browser.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod browser;
mod first;
mod fixture;
mod page;
mod views;
mod widths;
