// SPDX-License-Identifier: GPL-2.0-or-later
//! Leaves out of a topic what it holds twice.

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::json::Value;
use crate::schema::{DESCRIPTOR_COMMANDS, changes_state};

/// A request that waits for its reply: its line, its text without the time, and whether more than
/// the reply came of it.
struct Waiting<'a> {
    line: usize,
    text: &'a str,
    alone: bool,
}

/// By a request's text: the lines of each time that it was asked, and the answer.
type Asked<'a> = HashMap<&'a str, Vec<(usize, usize, &'a str)>>;

/// The text of a topic file without questions that were asked and answered before in the same
/// moment. Replays answer them from the first time; one whose answer changes within a moment stays
/// as often as it was asked.
#[must_use]
pub fn without_repeats(text: &str) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut left_out = BTreeSet::new();
    let mut asked = Asked::new();
    let mut waiting: VecDeque<Waiting<'_>> = VecDeque::new();
    for (number, line) in lines.iter().copied().enumerate() {
        let what = line.rsplit_once(",\"at\":").map_or(line, |(what, _)| what);
        if line.starts_with("{\"moment\"") {
            repeated(&mut asked, &mut left_out);
        } else if line.starts_with("{\"request\"") {
            waiting.push_back(Waiting {
                line: number,
                text: what,
                alone: true,
            });
        } else if line.starts_with("{\"reply\"") && !line.contains(",\"oob\":true") {
            let request = waiting.pop_front();
            if let Some(request) = request.filter(|it| it.alone && looks(it.text)) {
                let times = asked.entry(request.text).or_default();
                times.push((request.line, number, what));
            }
        } else {
            for request in &mut waiting {
                request.alone = false;
            }
        }
    }
    repeated(&mut asked, &mut left_out);
    let kept = lines
        .iter()
        .enumerate()
        .filter(|(number, _)| !left_out.contains(number));
    kept.map(|(_, line)| *line).collect()
}

fn repeated(asked: &mut Asked<'_>, left_out: &mut BTreeSet<usize>) {
    for (_, times) in asked.drain() {
        let Some((_, _, first)) = times.first() else {
            continue;
        };
        if times.iter().all(|(_, _, answer)| answer == first) {
            left_out.extend(
                times
                    .iter()
                    .skip(1)
                    .flat_map(|(request, reply, _)| [*request, *reply]),
            );
        }
    }
}

/// Whether a request, `{"request":{...}` without its end, only looks.
fn looks(text: &str) -> bool {
    let Ok(line) = serde_json::from_str::<serde_json::Value>(&format!("{text}}}")) else {
        return false;
    };
    let Some(command) = line["request"]["execute"].as_str() else {
        return false;
    };
    let arguments = Value::from(line["request"]["arguments"].clone());
    let none = crate::json::Object::default();
    let arguments = arguments.as_object().unwrap_or(&none);
    !DESCRIPTOR_COMMANDS.contains(&command)
        && command != "qmp_capabilities"
        && !changes_state(command, arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(lines: &[&str]) -> Vec<String> {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        without_repeats(&text).lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_second_time_is_left_out() {
        let lines = [
            r#"{"format":1,"topic":"t"}"#,
            r#"{"request":{"execute":"query-status"},"at":1}"#,
            r#"{"request":{"execute":"query-name"},"at":1}"#,
            r#"{"reply":{"return":{"running":true}},"at":2}"#,
            r#"{"reply":{"return":{}},"at":2}"#,
            r#"{"request":{"execute":"query-status"},"at":3}"#,
            r#"{"reply":{"return":{"running":true}},"at":4}"#,
            r#"{"moment":1,"at":5}"#,
            r#"{"request":{"execute":"query-status"},"at":6}"#,
            r#"{"reply":{"return":{"running":true}},"at":7}"#,
        ];
        let expected: Vec<_> = lines[..5].iter().chain(&lines[7..]).collect();
        assert_eq!(kept(&lines).iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_changes_or_does_something_stays() {
        let changing = [
            r#"{"request":{"execute":"query-jobs"},"at":1}"#,
            r#"{"reply":{"return":[1]},"at":2}"#,
            r#"{"request":{"execute":"query-jobs"},"at":3}"#,
            r#"{"reply":{"return":[1]},"at":4}"#,
            r#"{"request":{"execute":"query-jobs"},"at":5}"#,
            r#"{"reply":{"return":[2]},"at":6}"#,
        ];
        assert_eq!(kept(&changing), changing);
        let doing = [
            r#"{"request":{"execute":"stop"},"at":1}"#,
            r#"{"reply":{"return":{}},"at":2}"#,
            r#"{"request":{"execute":"stop"},"at":3}"#,
            r#"{"reply":{"return":{}},"at":4}"#,
        ];
        assert_eq!(kept(&doing), doing);
        let with_event = [
            r#"{"request":{"execute":"query-status"},"at":1}"#,
            r#"{"reply":{"return":1},"at":2}"#,
            r#"{"request":{"execute":"query-status"},"at":3}"#,
            r#"{"event":{"event":"STOP"},"at":3}"#,
            r#"{"reply":{"return":1},"at":4}"#,
        ];
        assert_eq!(kept(&with_event), with_event);
    }
}
