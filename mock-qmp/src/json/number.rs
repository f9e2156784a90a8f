// SPDX-License-Identifier: GPL-2.0-or-later
//! Floating-point text as C's `%.17g` prints it, which is what QEMU uses.

/// Appends `value` in the form of `%.17g`: up to 17 significant digits, no trailing zeros, an
/// exponent of at least two digits where it is below -4 or above 16. Infinities become `inf` and
/// `-inf`, as in QEMU, although that is not JSON.
pub(crate) fn write_double(out: &mut Vec<u8>, value: f64) {
    if !value.is_finite() {
        let text: &[u8] = if value.is_nan() {
            b"nan"
        } else if value > 0.0 {
            b"inf"
        } else {
            b"-inf"
        };
        out.extend_from_slice(text);
        return;
    }
    let scientific = format!("{value:.16e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_end_matches('0');
    let digits = if digits.is_empty() { "0" } else { digits };
    let text = if (-4..17).contains(&exponent) {
        sign.to_owned() + &positional(digits, exponent)
    } else {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let mark = if exponent < 0 { '-' } else { '+' };
        format!("{sign}{first}{point}{rest}e{mark}{:02}", exponent.abs())
    };
    out.extend_from_slice(text.as_bytes());
}

/// `digits` with the decimal point after the digit of weight 10^0, where the first has weight
/// 10^`exponent`.
fn positional(digits: &str, exponent: i32) -> String {
    if exponent < 0 {
        let zeros = "0".repeat(exponent.unsigned_abs() as usize - 1);
        return format!("0.{zeros}{digits}");
    }
    let whole = exponent.unsigned_abs() as usize + 1;
    if digits.len() <= whole {
        return format!("{digits:0<whole$}");
    }
    let (front, back) = digits.split_at(whole);
    format!("{front}.{back}")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(1.0, "1")]
    #[case(1.5, "1.5")]
    #[case(0.1, "0.10000000000000001")]
    #[case(1000.0, "1000")]
    #[case(1.5e300, "1.5000000000000001e+300")]
    #[case(-9_223_372_036_854_775_809.0, "-9.2233720368547758e+18")]
    #[case(f64::INFINITY, "inf")]
    #[case(-0.0, "-0")]
    #[case(1e16, "10000000000000000")]
    #[case(1e17, "1e+17")]
    #[case(0.0001, "0.0001")]
    #[case(0.00001, "1.0000000000000001e-05")]
    #[case(123.456, "123.456")]
    #[case(5e-324, "4.9406564584124654e-324")]
    fn prints_as_c_does(#[case] value: f64, #[case] text: &str) {
        let mut out = Vec::new();
        write_double(&mut out, value);
        assert_eq!(String::from_utf8_lossy(&out), text);
    }
}
