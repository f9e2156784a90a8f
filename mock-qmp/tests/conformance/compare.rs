// SPDX-License-Identifier: GPL-2.0-or-later
//! Whether the lines that came are those that were expected.

use std::time::{Duration, Instant};

use crate::case::{Expected, Piece, Text};

/// A line and when it came.
pub type Line = (Instant, String);

/// Sets the time stamps to 1, as they are in the cases.
pub fn without_time(line: &str) -> String {
    if !line.starts_with("{\"timestamp\"") {
        return line.to_owned();
    }
    let mut out = String::new();
    let mut rest = line;
    for mark in ["\"seconds\": ", "\"microseconds\": "] {
        if let Some(start) = rest.find(mark) {
            let (front, number) = rest.split_at(start + mark.len());
            let end = number
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(number.len());
            out.push_str(front);
            out.push('1');
            rest = &number[end..];
        }
    }
    out + rest
}

/// Sets descriptor numbers to N.
pub fn without_descriptors(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(start) = rest.find("\"fd\": ") {
        let (front, number) = rest.split_at(start + 6);
        let end = number
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(number.len());
        out.push_str(front);
        out.push('N');
        rest = &number[end..];
    }
    out + rest
}

/// How many lines the expectation stands for.
pub fn count(expected: &[Expected]) -> usize {
    let one = |expected: &Expected| match expected {
        Expected::Times { times, .. } => *times,
        Expected::Replies {
            replies: (from, to),
            ..
        } => (to - from + 1) as usize,
        Expected::Interleaved { interleaved } => interleaved.iter().map(Vec::len).sum(),
        _ => 1,
    };
    expected.iter().map(one).sum()
}

/// Compares the lines of one connection; `start` is the time of the last action.
pub fn check(expected: &[Expected], lines: &[Line], start: Instant) -> Result<(), String> {
    let mut lines = lines.iter();
    for one in expected {
        if let Expected::Interleaved { interleaved } = one {
            let mut sequences: Vec<_> =
                interleaved.iter().map(|sequence| sequence.iter()).collect();
            for line in lines.by_ref().take(count(std::slice::from_ref(one))) {
                let fitting = |one: &Expected| fits(one, line, start).is_ok();
                let next = sequences
                    .iter_mut()
                    .find(|sequence| sequence.as_slice().first().is_some_and(fitting));
                next.ok_or_else(|| format!("not next in any sequence: {}", shortened(&line.1)))?
                    .next();
            }
            if let Some(missing) = sequences.iter_mut().find_map(Iterator::next) {
                return Err(format!("missing: {missing:?}"));
            }
            continue;
        }
        for index in 0..count(std::slice::from_ref(one)) {
            let line = lines.next().ok_or_else(|| format!("missing: {one:?}"))?;
            match one {
                Expected::Replies {
                    replies: (from, _), ..
                } => {
                    let id = serde_json::json!(from + index as u64);
                    fits(
                        &Expected::Reply {
                            reply: id,
                            without: None,
                        },
                        line,
                        start,
                    )?;
                }
                _ => fits(one, line, start)?,
            }
        }
    }
    match lines.next() {
        Some((_, line)) => Err(format!("one too many: {}", shortened(line))),
        None => Ok(()),
    }
}

fn fits(expected: &Expected, (at, line): &Line, start: Instant) -> Result<(), String> {
    let differs = || {
        Err(format!(
            "\n  expected {expected:?}\n  got      {}",
            shortened(line)
        ))
    };
    let equal = |text: &str| {
        if text == line {
            Ok(())
        } else {
            Err(format!(
                "\n  expected {}\n  got      {}",
                shortened(text),
                shortened(line)
            ))
        }
    };
    match expected {
        Expected::Line(text) => equal(text),
        Expected::Times { line: text, .. } => equal(text),
        Expected::Joined { joined } => equal(&joined_text(joined)),
        Expected::Starts { starts } if line.starts_with(starts) => Ok(()),
        Expected::Reply { reply, without } => {
            // Large replies are not taken apart for their id.
            let same = line.ends_with(&format!("\"id\": {reply}}}"))
                || line.starts_with(&format!("{{\"id\": {reply}, "));
            let clean = without
                .as_ref()
                .is_none_or(|without| !line.contains(without));
            if same && clean { Ok(()) } else { differs() }
        }
        Expected::Event { event, arrives } => {
            let parsed: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
            if parsed["event"] != **event {
                return differs();
            }
            within(at.saturating_duration_since(start), *arrives, event)
        }
        _ => differs(),
    }
}

/// Whether a time lies between so many seconds.
pub fn within(time: Duration, (from, to): (f64, f64), what: &str) -> Result<(), String> {
    let seconds = time.as_secs_f64();
    if (from..=to).contains(&seconds) {
        Ok(())
    } else {
        Err(format!("{what} came after {seconds:.2} s"))
    }
}

fn joined_text(pieces: &[Piece]) -> String {
    String::from_utf8(Text::Pieces(pieces.to_vec()).bytes()).unwrap()
}

fn shortened(text: &str) -> String {
    text.chars().take(400).collect()
}
