// SPDX-License-Identifier: GPL-2.0-or-later
//! Pictures that terminals decode themselves: the protocols of kitty and iTerm2.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::terminal::picture::pixmap::Pixmap;

/// Bytes of base64 in one escape sequence of kitty's (its documentation, "Remote client").
const CHUNK: usize = 4096;

/// kitty's protocol, with the pixels as they are (`f=24`).
pub(super) fn kitty(picture: &Pixmap) -> String {
    let data = STANDARD.encode(&picture.pixels);
    let mut text = String::new();
    let chunks = data.as_bytes().chunks(CHUNK);
    let last = chunks.len().saturating_sub(1);
    for (number, chunk) in chunks.enumerate() {
        let more = u8::from(number < last);
        let head = match number {
            0 => format!(
                "a=T,f=24,s={},v={},q=2,m={more}",
                picture.width, picture.height
            ),
            _ => format!("m={more}"),
        };
        let chunk = String::from_utf8_lossy(chunk);
        // Writing to a string can't fail.
        let _ = write!(text, "\x1b_G{head};{chunk}\x1b\\");
    }
    text.push('\n');
    text
}

/// iTerm2's protocol, with the picture as a file.
pub(super) fn iterm(picture: &Pixmap) -> String {
    let mut file = format!("P6\n{} {}\n255\n", picture.width, picture.height).into_bytes();
    file.extend_from_slice(&picture.pixels);
    let size = file.len();
    format!(
        "\x1b]1337;File=inline=1;size={size}:{}\x07\n",
        STANDARD.encode(file)
    )
}
