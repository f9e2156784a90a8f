// SPDX-License-Identifier: GPL-2.0-or-later
//! Sizes with suffixes, as QEMU reads (util/cutils.c) and prints them.

use crate::grammar::number;
use crate::qmp::version::{Version, v};

/// What is wrong with a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeError {
    /// Not a size.
    Invalid,
    /// Does not fit 64 bits.
    Range,
}

/// The rules of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rules {
    /// Hexadecimal numbers may have a suffix, a fraction needs digits in front.
    Old,
    /// Hexadecimal numbers have no suffix.
    PlainHex,
    /// A fraction needs no digits in front either.
    New,
}

/// The first release with [`Rules::PlainHex`] (8.0, commit 8b902e3d23 of QEMU).
const PLAIN_HEX: Version = v(8, 0);

/// The first release with [`Rules::New`] (8.1, commit 42cc08d13a of QEMU).
const NEW: Version = v(8, 1);

impl Rules {
    /// The rules of that release.
    #[must_use]
    pub fn of(version: Version) -> Self {
        if version < PLAIN_HEX {
            Self::Old
        } else if version < NEW {
            Self::PlainHex
        } else {
            Self::New
        }
    }
}

/// The lines that QEMU puts behind some errors about sizes.
pub const SUFFIX_HINT: &str = "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\nand exabytes, respectively.";

/// A size without a suffix is in bytes.
pub const BYTES: u64 = 1;
/// A size without a suffix is in MiB.
pub const MIB: u64 = 1 << 20;

fn scale(suffix: u8) -> Option<u64> {
    let power = match suffix.to_ascii_uppercase() {
        b'B' => 0,
        b'K' => 1,
        b'M' => 2,
        b'G' => 3,
        b'T' => 4,
        b'P' => 5,
        b'E' => 6,
        _ => return None,
    };
    Some(1 << (10 * power))
}

/// Reads a size at the start of `text`: a number, decimal with a fraction or hexadecimal without,
/// and a suffix `B K M G T P E` in either case. Without a suffix it counts in `default_scale`.
/// Returns bytes and the length read.
pub fn parse(text: &str, default_scale: u64, rules: Rules) -> Result<(u64, usize), SizeError> {
    let bytes = text.as_bytes();
    let start = usize::from(bytes.first() == Some(&b'+'));
    let (digits, value) = number::strtoull(&text[start..], 10, false);
    let value = match (digits, value) {
        (0, _) if rules == Rules::New && bytes.get(start) == Some(&b'.') => 0,
        (0, _) => return Err(SizeError::Invalid),
        (_, None) => return Err(SizeError::Range),
        (_, Some(value)) => value,
    };
    let mut end = start + digits;
    let mut value = value;
    let mut fraction = 0.0;
    match bytes.get(end) {
        Some(b'x' | b'X') if value == 0 => {
            let (len, hex) = number::strtoull(&text[start..], 16, false);
            value = hex.ok_or(SizeError::Range)?;
            end = start + len;
            let suffixed = bytes.get(end).is_some_and(|&b| scale(b).is_some());
            if bytes.get(end) == Some(&b'.') || (suffixed && rules >= Rules::PlainHex) {
                return Err(SizeError::Invalid);
            }
        }
        Some(b'.') => {
            let len = text[end + 1..]
                .bytes()
                .position(|b| !b.is_ascii_digit())
                .unwrap_or(text.len() - end - 1);
            if len == 0 && digits == 0 {
                return Err(SizeError::Invalid);
            }
            let exponent = bytes
                .get(end + 1 + len)
                .is_some_and(|b| b.eq_ignore_ascii_case(&b'e'))
                && text[end + len + 2..]
                    .trim_start_matches(['+', '-'])
                    .starts_with(|c: char| c.is_ascii_digit());
            if rules < Rules::New && exponent && len > 0 {
                return Err(SizeError::Invalid);
            }
            fraction = format!("0{}", &text[end..=end + len])
                .parse()
                .unwrap_or(0.0);
            end += 1 + len;
        }
        _ => {}
    }
    let scale = match bytes.get(end).and_then(|&b| scale(b)) {
        Some(scale) => {
            end += 1;
            scale
        }
        None => default_scale,
    };
    if scale == 1 && fraction != 0.0 {
        return Err(SizeError::Invalid);
    }
    Ok((scaled(value, fraction, scale)?, end))
}

/// Reads `text` as a size from its start to its end.
pub fn whole(text: &str, default_scale: u64, rules: Rules) -> Result<u64, SizeError> {
    let text = text.trim_ascii_start();
    let is_size =
        |rest: &str| parse(rest, default_scale, rules).is_ok_and(|(_, n)| n == rest.len());
    if rules == Rules::New && text.strip_prefix('-').is_some_and(is_size) {
        return Err(SizeError::Range);
    }
    match parse(text, default_scale, rules)? {
        (size, len) if len == text.len() => Ok(size),
        _ => Err(SizeError::Invalid),
    }
}

/// `(value + fraction) * scale`, in 64.64 fixed point, rounded half up, as QEMU computes it.
fn scaled(value: u64, fraction: f64, scale: u64) -> Result<u64, SizeError> {
    let whole = u128::from(value) * u128::from(scale);
    // The cast saturates; fractions are below one, but rounding may have made them one.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 <= fraction <= 1"
    )]
    let fixed = (fraction * 2f64.powi(64)) as u128;
    let part = fixed * u128::from(scale);
    let sum = whole + (part >> 64) + ((part >> 63) & 1);
    u64::try_from(sum).map_err(|_| SizeError::Range)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    // Answers of QEMU 10.0.2 to block_resize; the default scale is MiB.
    #[rstest]
    #[case("16", Ok((16 << 20, 2)))]
    #[case("1k", Ok((1024, 2)))]
    #[case("1.5G", Ok((1_610_612_736, 4)))]
    #[case("1.5", Ok((1_572_864, 3)))]
    #[case(".5k", Ok((512, 3)))]
    #[case("1.k", Ok((1024, 3)))]
    #[case("0x10", Ok((16 << 20, 4)))]
    #[case("0x10k", Err(SizeError::Invalid))]
    #[case("512b", Ok((512, 4)))]
    #[case("1.5b", Err(SizeError::Invalid))]
    #[case("1q", Ok((1 << 20, 1)))]
    #[case("1MB", Ok((1 << 20, 2)))]
    #[case("1e3", Ok((1 << 60, 2)))]
    #[case("1p", Ok((1 << 50, 2)))]
    #[case("5x10", Ok((5 << 20, 1)))]
    #[case("00x10", Ok((0, 2)))]
    #[case("1.5e3", Ok((3 << 59, 4)))]
    #[case("+1k", Ok((1024, 3)))]
    #[case("abc", Err(SizeError::Invalid))]
    #[case("-1", Err(SizeError::Invalid))]
    #[case("", Err(SizeError::Invalid))]
    #[case(".", Err(SizeError::Invalid))]
    #[case("9999999999T", Err(SizeError::Range))]
    #[case("18446744073709551616", Err(SizeError::Range))]
    fn new_rules(#[case] text: &str, #[case] expected: Result<(u64, usize), SizeError>) {
        assert_eq!(parse(text, MIB, Rules::New), expected);
    }

    #[test]
    fn rules_changed_with_8_0_and_8_1() {
        let read = |text, version| whole(text, BYTES, Rules::of(version));
        assert_eq!(read("0x10k", v(7, 2)), Ok(16 << 10));
        assert_eq!(read("0x10k", v(8, 0)), Err(SizeError::Invalid));
        assert_eq!(read(".5k", v(8, 0)), Err(SizeError::Invalid));
        assert_eq!(read(".5k", v(8, 1)), Ok(512));
    }

    #[test]
    fn whole_texts() {
        assert_eq!(whole("1.5k", BYTES, Rules::New), Ok(1536));
        assert_eq!(whole("1kk", BYTES, Rules::New), Err(SizeError::Invalid));
        assert_eq!(whole("-5", BYTES, Rules::New), Err(SizeError::Range));
        assert_eq!(whole("-5", BYTES, Rules::Old), Err(SizeError::Invalid));
        assert_eq!(whole("-x", BYTES, Rules::New), Err(SizeError::Invalid));
    }

    #[rstest]
    #[case(".5k", Err(SizeError::Invalid))]
    #[case("0x10k", Ok((16384, 5)))]
    #[case("1.5e3", Err(SizeError::Invalid))]
    #[case("1.5e", Ok((3 << 59, 4)))]
    #[case("1.e3", Ok((1 << 60, 3)))]
    fn old_rules(#[case] text: &str, #[case] expected: Result<(u64, usize), SizeError>) {
        assert_eq!(parse(text, BYTES, Rules::Old), expected);
    }
}
