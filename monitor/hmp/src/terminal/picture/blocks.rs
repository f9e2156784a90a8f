// SPDX-License-Identifier: GPL-2.0-or-later
//! A picture of half blocks: two pixels a character, in 24-bit colours.

use std::fmt::Write;

use crate::terminal::picture::pixmap::Pixmap;

/// Lines of text, each with its end.
pub(super) fn draw(picture: &Pixmap, columns: usize, rows: usize) -> String {
    let picture = picture.within(columns, rows * 2);
    let mut text = String::new();
    for y in (0..picture.height).step_by(2) {
        for x in 0..picture.width {
            let [r, g, b] = picture.at(x, y);
            let [lower_r, lower_g, lower_b] = picture.at(x, y + 1);
            // Writing to a string can't fail.
            let _ = write!(
                text,
                "\x1b[38;2;{r};{g};{b};48;2;{lower_r};{lower_g};{lower_b}m\u{2580}"
            );
        }
        text.push_str("\x1b[0m\n");
    }
    text
}
