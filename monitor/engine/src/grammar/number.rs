// SPDX-License-Identifier: GPL-2.0-or-later
//! Numbers as C's library reads and prints them.

use crate::qmp::version::{Version, v};

/// C's `strtod` without locale: value and length of the longest number at the start of `text`,
/// blanks included. Decimal numbers only; `inf` and `nan` count as numbers.
#[must_use]
pub fn strtod(text: &str) -> Option<(f64, usize)> {
    let blanks = text
        .bytes()
        .take_while(|&b| crate::grammar::line::is_blank(b))
        .count();
    let body = &text[blanks..];
    // Longest prefix that parses: Rust's grammar is C's, hexadecimal floats aside.
    let candidates = body
        .bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b))
        .take(64)
        .count();
    (1..=candidates)
        .rev()
        .find_map(|len| Some((body[..len].parse::<f64>().ok()?, blanks + len)))
}

/// What is wrong with a whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberError {
    /// Not a number, or not a number alone.
    Invalid,
    /// Does not fit.
    Range,
}

/// Whether a text has a number that some builds read as a binary one, and others don't.
#[must_use]
pub fn has_binary(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.windows(3).enumerate().any(|(at, three)| {
        let begins = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
        begins && matches!(three, [b'0', b'b' | b'B', b'0' | b'1'])
    })
}

/// The whole of `text` as QEMU's `qemu_strtou64` reads it with base 0: blanks in front and a sign
/// are allowed, and a negative number wraps. Binary numbers came with the C library of newer
/// builds.
pub fn strtou64(text: &str, version: Version) -> Result<u64, NumberError> {
    let (negative, value) = signed(text, version)?;
    let value = value.ok_or(NumberError::Range)?;
    Ok(if negative {
        value.wrapping_neg()
    } else {
        value
    })
}

/// The whole of `text` as QEMU's `qemu_strtoi64` reads it with base 0.
pub fn strtoi64(text: &str, version: Version) -> Result<i64, NumberError> {
    let (negative, value) = signed(text, version)?;
    let value = i128::from(value.ok_or(NumberError::Range)?);
    i64::try_from(if negative { -value } else { value }).map_err(|_| NumberError::Range)
}

/// Whether numbers may be binary, such as `0b11`. What decides is the C library that QEMU was built
/// with (glibc 2.38 reads them), which QMP does not show (11.1, seen: on 11.1.3 of Debian 13; 10.0.2
/// of Debian 12 does not read them).
#[must_use]
pub fn reads_binary(version: Version) -> bool {
    version >= v(11, 1)
}

fn signed(text: &str, version: Version) -> Result<(bool, Option<u64>), NumberError> {
    let text =
        text.trim_start_matches(|c: char| c.is_ascii() && crate::grammar::line::is_blank(c as u8));
    let negative = text.starts_with('-');
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (len, value) = strtoull(digits, 0, reads_binary(version));
    if len == 0 || len < digits.len() {
        return Err(NumberError::Invalid);
    }
    Ok((negative, value))
}

/// A whole number at the start of `text` as C's `strtoll` with base 0 reads it: blanks, a sign,
/// digits with a prefix. Returns the value, `None` where it needs more than 64 bits and a sign, and
/// the length read. `binary`: whether the C library knows the prefix `0b`.
#[must_use]
pub fn whole(text: &str, binary: bool) -> Option<(Option<i128>, usize)> {
    let start = text
        .bytes()
        .position(|b| !crate::grammar::line::is_blank(b))
        .unwrap_or(text.len());
    let (negative, digits) = match text.as_bytes().get(start) {
        Some(b'-') => (true, start + 1),
        Some(b'+') => (false, start + 1),
        _ => (false, start),
    };
    let (len, value) = strtoull(&text[digits..], 0, binary);
    let value = value.map(|v| if negative { -i128::from(v) } else { v.into() });
    (len > 0).then_some((value, digits + len))
}

/// C's `strtoull` without blanks and signs: how many bytes belong to the number, and its value
/// unless too large. `base` is 0 (a prefix decides), 10 or 16.
#[must_use]
pub fn strtoull(text: &str, base: u32, binary: bool) -> (usize, Option<u64>) {
    let bytes = text.as_bytes();
    let digit_at =
        |i: usize, base: u32| bytes.get(i).is_some_and(|&b| char::from(b).is_digit(base));
    let prefixed = |letter: u8, base: u32| {
        bytes.first() == Some(&b'0')
            && bytes
                .get(1)
                .is_some_and(|b| b.eq_ignore_ascii_case(&letter))
            && digit_at(2, base)
    };
    let (start, base) = match base {
        0 | 16 if prefixed(b'x', 16) => (2, 16),
        0 if binary && prefixed(b'b', 2) => (2, 2),
        0 if bytes.first() == Some(&b'0') => (0, 8),
        0 => (0, 10),
        base => (0, base),
    };
    let mut value = Some(0u64);
    let mut end = start;
    while let Some(digit) = bytes.get(end).and_then(|&b| char::from(b).to_digit(base)) {
        value = value
            .and_then(|v| v.checked_mul(base.into()))
            .and_then(|v| v.checked_add(digit.into()));
        end += 1;
    }
    (end, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_read_to_the_end() {
        let read = |text| strtou64(text, v(10, 0));
        assert_eq!(read(" 0x14"), Ok(20));
        assert_eq!(read("010"), Ok(8));
        assert_eq!(read("-1"), Ok(u64::MAX));
        // The C library of newer builds reads it.
        assert_eq!(read("0b11"), Err(NumberError::Invalid));
        assert_eq!(strtou64("0b11", v(11, 1)), Ok(3));
        for text in ["", "x", "5x", "1-3", "0x", "- 1", "1 "] {
            assert_eq!(read(text), Err(NumberError::Invalid), "{text}");
        }
        assert_eq!(read("99999999999999999999"), Err(NumberError::Range));
        assert_eq!(strtoi64("-9223372036854775808", v(7, 2)), Ok(i64::MIN));
        assert_eq!(
            strtoi64("9223372036854775808", v(7, 2)),
            Err(NumberError::Range)
        );
    }

    #[test]
    fn the_longest_number_is_taken() {
        assert_eq!(strtod("1.5ms"), Some((1.5, 3)));
        assert_eq!(strtod(" -2e3x"), Some((-2000.0, 5)));
        assert_eq!(strtod("1e"), Some((1.0, 1)));
        assert_eq!(strtod("x"), None);
    }

    #[test]
    fn whole_numbers() {
        assert_eq!(whole("0b11", true), Some((Some(3), 4)));
        assert_eq!(whole("0b11", false), Some((Some(0), 1)));
        assert_eq!(whole("0x", false), Some((Some(0), 1)));
        assert_eq!(whole("x", false), None);
    }
}
