// SPDX-License-Identifier: GPL-2.0-or-later
//! QEMU's "modified UTF-8": U+0000 is `C0 80`, noncharacters and surrogates are refused.

/// One code point read from the front of `bytes`, and how many bytes it took.
///
/// `None` in the first place means an invalid sequence; the length is then what QEMU skips. `bytes`
/// must not be empty.
pub(crate) fn decode(bytes: &[u8]) -> (Option<u32>, usize) {
    let first = bytes[0];
    match first {
        0 => return (None, 1),
        1..0x80 => return (Some(u32::from(first)), 1),
        0x80..0xC0 | 0xFE | 0xFF => return (None, 1),
        _ => {}
    }
    let length = first.leading_ones() as usize;
    let mut point = u32::from(first) & (0x7F >> length);
    for index in 1..length {
        match bytes.get(index) {
            // A six-byte sequence fills at most 31 bits, so nothing is shifted out.
            Some(next) if next & 0xC0 == 0x80 => point = point << 6 | u32::from(next & 0x3F),
            _ => return (None, index),
        }
    }
    let smallest = [0x80, 0x800, 0x1_0000, 0x20_0000, 0x400_0000][length - 2];
    let overlong = point < smallest && !(point == 0 && length == 2);
    (
        Some(point).filter(|&point| !overlong && is_valid(point)),
        length,
    )
}

/// Whether QEMU takes this code point in a string: in Unicode's range, no surrogate, no
/// noncharacter.
pub(crate) fn is_valid(point: u32) -> bool {
    point <= 0x10_FFFF
        && !(0xFDD0..=0xFDEF).contains(&point)
        && point & 0xFFFE != 0xFFFE
        && !(0xD800..=0xDFFF).contains(&point)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(b"a", Some(0x61), 1)]
    #[case(b"\xC0\x80", Some(0), 2)]
    #[case(b"\xC3\xA9", Some(0xE9), 2)]
    #[case(b"\xF4\x8F\xBF\xBD", Some(0x10_FFFD), 4)]
    #[case(b"\xF4\x90\x80\x80", None, 4)]
    #[case(b"\xED\xA0\x80", None, 3)]
    #[case(b"\xEF\xBF\xBF", None, 3)]
    #[case(b"\xC0\xAF", None, 2)]
    #[case(b"\xE2\x82x", None, 2)]
    #[case(b"\x80", None, 1)]
    #[case(b"\xFF", None, 1)]
    #[case(b"\xFD\xBF\xBF\xBF\xBF\xBF", None, 6)]
    fn reads_as_qemu_does(#[case] bytes: &[u8], #[case] point: Option<u32>, #[case] length: usize) {
        assert_eq!(decode(bytes), (point, length));
    }
}
