// SPDX-License-Identifier: GPL-2.0-or-later
//! The terminal that a user sits at: its modes, what is typed, and what may be shown.
//!
//! What comes from the terminal is read by us alone, and handed to the line editor a line at a
//! time: what an editor reads ahead is lost when its line ends in another way than by Enter.

pub mod bar;
pub mod clean;
pub mod escape;
pub mod feed;
pub mod input;
pub mod kind;
pub mod lend;
pub mod messages;
pub mod mode;
pub mod paste;
pub mod picture;
pub mod plain;
pub mod style;
pub mod suspend;
pub mod wrap;
