// SPDX-License-Identifier: GPL-2.0-or-later
//! `clear`: what a terminal does with the text is the terminal's business.

use std::fmt::Write;

use crate::command::cx::{CmdResult, Cx, NoArgs};

/// `clear` (QEMU 11.1 and later): the cursor goes home, the screen and what scrolled off it are
/// cleared.
pub async fn clear(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    cx.write_str("\x1b[H\x1b[2J\x1b[3J")?;
    Ok(())
}
