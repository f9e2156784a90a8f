// SPDX-License-Identifier: GPL-2.0-or-later
//! Numbers as C's library and QEMU print them.

/// A number as C's `%.{precision}g` prints it; `precision` is at least 1.
#[must_use]
pub fn general(value: f64, precision: usize) -> String {
    let last = precision.max(1) - 1;
    let scientific = format!("{value:.last$e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let Ok(exponent) = exponent.parse::<i32>() else {
        return scientific;
    };
    let trim = |text: &str| {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text.to_owned()
        }
    };
    match usize::try_from(exponent) {
        Ok(digits) if digits <= last => trim(&format!("{value:.*}", last - digits)),
        Err(_) if exponent >= -4 => {
            let decimals = last + exponent.unsigned_abs() as usize;
            trim(&format!("{value:.decimals$}"))
        }
        _ => format!("{}e{exponent:+03}", trim(mantissa)),
    }
}

/// A size with three significant digits and a binary unit: `1.5 GiB` (util/cutils.c,
/// `size_to_str`).
#[must_use]
pub fn human(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    // The unit changes at 1000 of the smaller one, so that three digits are enough.
    let scaled = bytes as f64 * 1.024;
    let thresholds = (1..UNITS.len()).map(|unit| 2f64.powi(10 * unit as i32));
    let unit = thresholds.take_while(|least| scaled >= *least).count();
    let value = bytes as f64 / 2f64.powi(10 * unit as i32);
    format!("{} {}B", general(value, 3), UNITS[unit])
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn general_numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (1.5, "1.5"),
            (100.0, "100"),
            (99.95, "100"),
            (999.7, "1e+03"),
            (0.9765625, "0.977"),
            (0.00012345, "0.000123"),
            (0.000012345, "1.23e-05"),
            (-2.25, "-2.25"),
            (1.5e10, "1.5e+10"),
            (1e100, "1e+100"),
        ] {
            assert_eq!(general(value, 3), text);
        }
    }

    // From `info block -v`, `info memdev`-like answers of 10.0.2, and the rule's edges.
    #[rstest]
    #[case(0, "0 B")]
    #[case(999, "999 B")]
    #[case(1000, "0.977 KiB")]
    #[case(200_704, "196 KiB")]
    #[case(204_800, "200 KiB")]
    #[case(1_023_692, "1e+03 KiB")]
    #[case(1_024_000, "0.977 MiB")]
    #[case(67_108_864, "64 MiB")]
    #[case(84_746_240, "80.8 MiB")]
    #[case(3 << 29, "1.5 GiB")]
    #[case(u64::MAX, "16 EiB")]
    fn sizes_for_people(#[case] bytes: u64, #[case] text: &str) {
        assert_eq!(human(bytes), text);
    }
}
