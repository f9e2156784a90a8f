// SPDX-License-Identifier: GPL-2.0-or-later
//! The report as one HTML page that needs nothing else: no network, no server, no other file.

mod named;
mod page;
mod rows;
mod texts;
mod trend;

pub use page::render;
