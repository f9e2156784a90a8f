// SPDX-License-Identifier: GPL-2.0-or-later
//! Sixels: six rows of pixels at a time, in colours of a cube of 6 by 6 by 6.

use std::fmt::Write;

use crate::terminal::picture::pixmap::Pixmap;

/// Steps of each colour.
const STEPS: usize = 6;

/// The picture as one sequence of a terminal that knows sixels (DEC VT340).
pub(super) fn draw(picture: &Pixmap) -> String {
    let mut text = format!("\x1bPq\"1;1;{};{}", picture.width, picture.height);
    for colour in 0..STEPS.pow(3) {
        let part = |place: usize| colour / STEPS.pow(2 - place as u32) % STEPS * 100 / (STEPS - 1);
        // Writing to a string can't fail.
        let _ = write!(text, "#{colour};2;{};{};{}", part(0), part(1), part(2));
    }
    for top in (0..picture.height).step_by(6) {
        let mut bands: Vec<Option<Vec<u8>>> = vec![None; STEPS.pow(3)];
        for x in 0..picture.width {
            for bit in 0..6.min(picture.height - top) {
                let band = bands[nearest(picture.at(x, top + bit))]
                    .get_or_insert_with(|| vec![0; picture.width]);
                band[x] |= 1 << bit;
            }
        }
        for (colour, band) in bands.iter().enumerate() {
            let Some(band) = band else { continue };
            let _ = write!(text, "#{colour}");
            for run in band.chunk_by(|a, b| a == b) {
                let sixel = char::from(63 + run[0]);
                match run.len() {
                    length @ 1..=3 => text.extend(std::iter::repeat_n(sixel, length)),
                    length => {
                        let _ = write!(text, "!{length}{sixel}");
                    }
                }
            }
            text.push('$');
        }
        text.push('-');
    }
    text.push_str("\x1b\\\n");
    text
}

/// The number of the colour that is nearest.
fn nearest(pixel: [u8; 3]) -> usize {
    pixel.into_iter().fold(0, |colour, part| {
        colour * STEPS + (usize::from(part) * (STEPS - 1) + 127) / 255
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_rows_are_a_band() {
        let picture = Pixmap {
            width: 5,
            height: 7,
            pixels: [255, 0, 0].repeat(35),
        };
        let text = draw(&picture);
        assert!(text.starts_with("\x1bPq\"1;1;5;7#0;2;0;0;0"), "{text:?}");
        // Red is colour 180: all six bits, five times; then the one row that is left.
        assert!(text.ends_with("#180!5~$-#180!5@$-\x1b\\\n"), "{text:?}");
    }

    #[test]
    fn colours_of_the_cube() {
        assert_eq!(nearest([0, 0, 0]), 0);
        assert_eq!(nearest([255, 255, 255]), 215);
        assert_eq!(nearest([0, 0, 51]), 1);
    }
}
