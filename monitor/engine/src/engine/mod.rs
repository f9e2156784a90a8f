// SPDX-License-Identifier: GPL-2.0-or-later
//! The monitor itself: decides what a line is, carries it out, completes it.

mod ahead;
pub mod complete;
mod decide;
mod explain;
mod heard;
mod look;
mod monitor;
mod passthrough;
mod permitted;
mod pieces;
mod ran;
mod run;
pub mod secret;
mod tidy;

pub use self::ahead::Answer;
pub use self::decide::Decision;
pub use self::heard::Reply;
pub use self::monitor::{Builder, Completer, Monitor};
pub use self::ran::{Outcome, Ran, shown_notes};
pub use crate::format::sink::Sink;
