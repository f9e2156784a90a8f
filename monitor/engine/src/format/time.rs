// SPDX-License-Identifier: GPL-2.0-or-later
//! Dates.

/// `YYYY-MM-DD HH:MM:SS` of a moment in seconds since 1970, `offset` seconds east of UTC.
#[must_use]
pub fn date_and_time(seconds: i64, offset: i32) -> String {
    let [year, month, day, hour, minute, second] = fields(seconds, offset);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// The same as `YYYYMMDDHHMMSS`.
#[must_use]
pub fn compact(seconds: i64, offset: i32) -> String {
    let [year, month, day, hour, minute, second] = fields(seconds, offset);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

/// Year, month, day, hour, minute and second in the Gregorian calendar.
fn fields(seconds: i64, offset: i32) -> [i64; 6] {
    let local = seconds.saturating_add(offset.into());
    let (days, rest) = (local.div_euclid(86_400), local.rem_euclid(86_400));
    // Days from 0000-03-01, in eras of 400 years: a year that starts in March ends with its leap
    // day.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    [year, month, day, rest / 3600, rest / 60 % 60, rest % 60]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(date_and_time(0, 0), "1970-01-01 00:00:00");
        assert_eq!(date_and_time(951_782_399, 0), "2000-02-28 23:59:59");
        assert_eq!(date_and_time(951_782_400, 0), "2000-02-29 00:00:00");
        assert_eq!(date_and_time(1_735_689_599, 3600), "2025-01-01 00:59:59");
        // The ends of years that start in March, in leap years and centuries.
        for (seconds, day) in [
            (5_011_200, "1970-02-28"),
            (5_097_600, "1970-03-01"),
            (920_160_000, "1999-02-28"),
            (920_246_400, "1999-03-01"),
            (951_868_800, "2000-03-01"),
            (4_107_456_000, "2100-02-28"),
            (4_107_542_400, "2100-03-01"),
            (13_574_563_200, "2400-02-29"),
            (13_574_649_600, "2400-03-01"),
        ] {
            assert_eq!(date_and_time(seconds, 0), format!("{day} 00:00:00"));
        }
        assert_eq!(date_and_time(-1, 0), "1969-12-31 23:59:59");
        assert_eq!(compact(1_735_689_599, -3600), "20241231225959");
        assert!(!date_and_time(i64::MAX, 1).is_empty() && !date_and_time(i64::MIN, -1).is_empty());
    }
}
