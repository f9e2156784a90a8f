// SPDX-License-Identifier: GPL-2.0-or-later
//! Tables of figures, and their place in the manual.

use std::fmt::Write;
use std::fs;

use super::growth::{COUNTS, Growth};
use super::measure::{Amount, Compared, Row};
use crate::error::Error;

/// The manual's page.
const PAGE: &str = "docs/benchmarks.md";

/// The table of rows.
pub fn figures(rows: &[Row], amounts: &[Amount]) -> String {
    let mut text =
        String::from("| what | `hmp` | against | its figure | ratio |\n|---|---|---|---|---|\n");
    for row in rows {
        compared(&mut text, &row.what, row.ours, &row.others, time);
    }
    for amount in amounts {
        compared(&mut text, &amount.what, amount.ours, &amount.others, kib);
    }
    text
}

fn compared(
    text: &mut String,
    what: &str,
    ours: f64,
    others: &[(String, Compared)],
    shown: fn(f64) -> String,
) {
    let (mut what, mut ours) = (what, shown(ours));
    for (who, other) in others {
        // Writing to a string does not fail.
        let _ = match other {
            Ok((theirs, ratio)) => {
                let theirs = shown(*theirs);
                writeln!(text, "| {what} | {ours} | {who} | {theirs} | {ratio:.2} |")
            }
            Err(_) => writeln!(text, "| {what} | {ours} | {who} | not measured | |"),
        };
        (what, ours) = ("", String::new());
    }
}

/// No less is a figure: starting, which is taken off, differs by as much.
const NOISE: f64 = 0.0002;

/// The table of growth. How much a thousand things cost for each time that a hundred do, ours and
/// the requests alone: 10 is linear.
pub fn growth(all: &[Growth]) -> String {
    let mut text = String::from("| line | of |");
    for count in COUNTS {
        let _ = write!(text, " {count} |");
    }
    text.push_str(" 1,000 to 100 | raw, 1,000 | raw, 1,000 to 100 |\n");
    text.push_str("|---|---|---|---|---|---|---|---|\n");
    let shown = |seconds| match seconds {
        cost if cost < NOISE => "-".to_owned(),
        cost => time(cost),
    };
    for growth in all {
        let _ = write!(text, "| `{}` | {} |", growth.line, growth.what);
        for cost in &growth.costs {
            let _ = match cost {
                Ok(cost) => write!(text, " {} |", shown(cost.ours)),
                Err(_) => write!(text, " not made |"),
            };
        }
        let _ = match growth.costs.as_slice() {
            [.., Ok(some), Ok(many)] => writeln!(
                text,
                " {} | {} | {} |",
                times(many.ours, some.ours),
                shown(many.raw),
                times(many.raw, some.raw)
            ),
            _ => writeln!(text, " | | |"),
        };
    }
    text
}

/// How much more.
fn times(many: f64, some: f64) -> String {
    match many.min(some) < NOISE {
        true => "-".to_owned(),
        false => format!("{:.1}", many / some),
    }
}

/// A time with three digits.
fn time(seconds: f64) -> String {
    match seconds {
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 0.1 => format!("{:.0} ms", s * 1e3),
        s if s >= 0.01 => format!("{:.1} ms", s * 1e3),
        s => format!("{:.2} ms", s * 1e3),
    }
}

fn kib(amount: f64) -> String {
    format!("{amount:.0} KiB")
}

/// Puts parts between their marks in the manual.
pub fn write(parts: &[(&str, String)]) -> Result<(), Error> {
    let mut page = fs::read_to_string(PAGE)?;
    for (name, text) in parts {
        page =
            placed(&page, name, text).ok_or_else(|| format!("{PAGE} has no place for {name}"))?;
    }
    fs::write(PAGE, page)?;
    Ok(())
}

fn placed(page: &str, name: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{text}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::super::growth::Cost;
    use super::*;

    #[test]
    fn parts_replace_what_was_there() {
        let page = "a\n<!-- x -->\nold\n<!-- /x -->\nb\n";
        let expected = "a\n<!-- x -->\nnew\n<!-- /x -->\nb\n";
        assert_eq!(placed(page, "x", "new\n").unwrap(), expected);
        assert_eq!(placed(page, "y", "new\n"), None);
    }

    #[test]
    fn times_have_three_digits() {
        let times = [1.234, 0.1234, 0.01234, 0.001_234].map(time);
        assert_eq!(times, ["1.23 s", "123 ms", "12.3 ms", "1.23 ms"]);
    }

    #[test]
    fn what_is_no_more_than_noise_is_no_figure() {
        let cost = |ours, raw| Ok(Cost { ours, raw });
        let growth = [Growth {
            what: "things",
            line: "info x",
            costs: vec![cost(0.0001, 0.0), cost(0.001, 0.0001), cost(0.02, 0.01)],
        }];
        let text = super::growth(&growth);
        let row = "| `info x` | things | - | 1.00 ms | 20.0 ms | 20.0 | 10.0 ms | - |\n";
        assert!(text.ends_with(row), "{text}");
    }

    #[test]
    fn what_was_not_measured_is_in_the_table() {
        let rows = [Row {
            what: "lines".into(),
            ours: 0.002,
            others: vec![
                ("a".into(), Ok((0.004, 0.5))),
                ("b".into(), Err("no".into())),
            ],
        }];
        let amounts = [Amount {
            what: "size".into(),
            ours: 1000.4,
            others: vec![("plain".into(), Ok((500.2, 2.0)))],
        }];
        let text = figures(&rows, &amounts);
        assert!(text.ends_with("| size | 1000 KiB | plain | 500 KiB | 2.00 |\n"));
        assert!(
            text.contains("| lines | 2.00 ms | a | 4.00 ms | 0.50 |\n"),
            "{text}"
        );
        assert!(text.contains("|  |  | b | not measured | |\n"), "{text}");
    }
}
