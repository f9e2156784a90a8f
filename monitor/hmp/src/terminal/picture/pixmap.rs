// SPDX-License-Identifier: GPL-2.0-or-later
//! Portable pixmaps (P6), as QEMU's `screendump` writes them, and making them smaller.

/// A picture of 8-bit red, green and blue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixmap {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Three bytes a pixel, row by row.
    pub pixels: Vec<u8>,
}

/// More than any screen has on a side.
const LONGEST: usize = 1 << 15;

impl Pixmap {
    /// Reads a picture; none where the bytes are not one.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(b"P6")?;
        let mut number = || {
            let start = rest.iter().position(|byte| !byte.is_ascii_whitespace())?;
            let behind = &rest[start..];
            let end = behind.iter().position(|byte| !byte.is_ascii_digit())?;
            let text = std::str::from_utf8(&behind[..end]).ok()?;
            rest = &behind[end..];
            text.parse::<usize>()
                .ok()
                .filter(|number| *number <= LONGEST)
        };
        let (width, height, depth) = (number()?, number()?, number()?);
        // One blank stands before the pixels.
        let pixels = rest.get(1..1 + width * height * 3)?;
        (depth == 255 && width > 0 && height > 0).then(|| Self {
            width,
            height,
            pixels: pixels.to_vec(),
        })
    }

    /// A pixel; black outside.
    #[must_use]
    pub fn at(&self, x: usize, y: usize) -> [u8; 3] {
        if x >= self.width || y >= self.height {
            return [0; 3];
        }
        let at = (y * self.width + x) * 3;
        match self.pixels.get(at..at + 3) {
            Some(&[r, g, b]) => [r, g, b],
            _ => [0; 3],
        }
    }

    /// The same no larger than this, each pixel the mean of those that it stands for.
    #[must_use]
    pub fn within(&self, width: usize, height: usize) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        if self.width <= width && self.height <= height {
            return self.clone();
        }
        // The side that is too long by most decides.
        let (w, h) = match self.width * height > self.height * width {
            true => (width, (self.height * width / self.width).max(1)),
            false => ((self.width * height / self.height).max(1), height),
        };
        let mut pixels = Vec::with_capacity(w * h * 3);
        for y in 0..h {
            let rows =
                y * self.height / h..((y + 1) * self.height / h).max(y * self.height / h + 1);
            for x in 0..w {
                let first = x * self.width / w;
                let columns = first..((x + 1) * self.width / w).max(first + 1);
                let mut sum = [0_usize; 3];
                for row in rows.clone() {
                    for column in columns.clone() {
                        for (sum, part) in sum.iter_mut().zip(self.at(column, row)) {
                            *sum += usize::from(part);
                        }
                    }
                }
                let count = (rows.len() * columns.len()).max(1);
                pixels.extend(sum.map(|sum| u8::try_from(sum / count).unwrap_or(u8::MAX)));
            }
        }
        Self {
            width: w,
            height: h,
            pixels,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_read() {
        let picture = Pixmap::read(b"P6\n2 1\n255\nabcdef").unwrap();
        assert_eq!((picture.width, picture.height), (2, 1));
        assert_eq!(picture.at(1, 0), *b"def");
        assert_eq!(picture.at(2, 0), [0; 3]);
        for bytes in [
            &b""[..],
            b"P6",
            b"P5\n1 1\n255\nabc",
            b"P6\n1 1\n255\nab",
            b"P6\n1 1\n65535\nabcdef",
            b"P6\n0 1\n255\n",
            b"P6\n99999 99999\n255\n",
            b"P6\n-1 1\n255\nabc",
        ] {
            assert_eq!(Pixmap::read(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_smaller_one_has_means() {
        let picture = Pixmap::read(
            b"P6 4 2 255 \x00\x00\x00\x02\x02\x02zzzzzz\x04\x04\x04\x06\x06\x06zzzzzz",
        )
        .unwrap();
        let small = picture.within(2, 9);
        assert_eq!((small.width, small.height), (2, 1));
        assert_eq!(small.at(0, 0), [3; 3]);
        assert_eq!(small.at(1, 0), *b"zzz");
        assert_eq!(picture.within(100, 100), picture);
    }
}
