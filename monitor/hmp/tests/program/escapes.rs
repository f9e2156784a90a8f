// SPDX-License-Identifier: GPL-2.0-or-later
//! Whatever QEMU, a file or a paste holds, nothing of it steers the terminal: all that passes a
//! pseudo-terminal is looked at.

use std::fs;
use std::time::Duration;

use mock_qmp::Answer;
use serde_json::{Value, json};

use crate::common::program::Mock;
use crate::common::pty::Terminal;
use crate::common::rows::{line, rows, server};

/// A title, the sequence of `clear`, what turns the direction of writing, and NUL.
const EVIL: &str = "\x1b]0;X\x07\x1b[H\x1b[2J\x1b[3J\u{202e}\0";

/// What the screen is cleared with, and none but `clear` may write.
const CLEAR: &str = "\x1b[H\x1b[2J\x1b[3J";

/// What is made hostile in the answers.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Evil {
    /// Every string.
    All,
    /// Names and the like: what is a choice of a few words stays, so that more is shown.
    Names,
    /// Commands fail, and say so.
    Errors,
    /// Every member has another type: what is shown is why the answer can't be read.
    Types,
    /// The names of members, beside strings.
    Keys,
}

const NAMES: &[&str] = &[
    "name",
    "desc",
    "label",
    "filename",
    "file",
    "device",
    "id",
    "node-name",
    "qdev",
    "qom-path",
    "description",
    "vendor",
    "title",
    "path",
    "host",
    "service",
    "cpu-model",
    "qom-type",
    "UUID",
    "human-readable-text",
    "vm-state",
    "date",
    "tag",
    "bus",
    "model",
];

fn hostile(value: &mut Value, evil: Evil, key: &str) {
    match value {
        Value::Number(_) | Value::Bool(_) if evil == Evil::Types => *value = json!(EVIL),
        Value::String(_) if evil == Evil::Types => *value = json!({ EVIL: EVIL }),
        Value::Object(members) if evil == Evil::Keys => {
            for (key, mut member) in std::mem::take(members) {
                hostile(&mut member, evil, &key);
                members.insert(format!("{key}{EVIL}"), member.clone());
                members.insert(key, member);
            }
        }
        Value::String(text) if evil == Evil::All || NAMES.contains(&key) => text.push_str(EVIL),
        Value::Array(items) => items.iter_mut().for_each(|item| hostile(item, evil, key)),
        Value::Object(members) => {
            for (key, member) in members.iter_mut() {
                hostile(member, evil, key);
            }
        }
        _ => {}
    }
}

/// The answer as recorded, with strings made hostile.
fn answer(evil: Evil, name: &str, recorded: Option<&Value>) -> Answer {
    match recorded {
        Some(recorded) if evil != Evil::Errors => {
            let mut answer = recorded.clone();
            hostile(&mut answer, evil, "human-readable-text");
            Answer::from(answer)
        }
        None if name.starts_with("human-") => Answer::from(json!(format!("text {EVIL}\n"))),
        _ => Answer::error("GenericError", format!("no {name} {EVIL}")),
    }
}

/// The colours that hmp writes.
const COLOURS: &[&str] = &["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m"];

/// What is left of a trace behind what hmp itself writes: moves of the cursor in the line, the end of
/// a line that is cleared, colours.
fn foreign(trace: &str) -> String {
    let mut left = String::new();
    let mut rest = trace;
    while let Some(start) = rest.find('\x1b') {
        left.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest[1..]
            .find(|c: char| c.is_ascii_alphabetic())
            .map_or(rest.len(), |n| n + 2);
        let (sequence, behind) = rest.split_at(end);
        let number = sequence.strip_prefix("\x1b[").map(|s| &s[..s.len() - 1]);
        let moves = number.is_some_and(|n| n.chars().all(|c| c.is_ascii_digit()))
            && sequence.ends_with(['A', 'B', 'C', 'D', 'K']);
        let own = moves || COLOURS.contains(&sequence);
        if own {
            rest = behind;
        } else {
            left.push('\x1b');
            rest = &rest[1..];
        }
    }
    left + rest
}

#[track_caller]
fn assert_harmless(trace: &[u8], what: &str) {
    let left = foreign(&String::from_utf8_lossy(trace));
    for raw in ['\x1b', '\x07', '\u{202e}', '\0', '\u{9b}'] {
        if let Some(at) = left.find(raw) {
            let from = left[..at]
                .char_indices()
                .rev()
                .nth(80)
                .map_or(0, |(at, _)| at);
            panic!("{what}: {raw:?} in {:?}", &left[from..at + raw.len_utf8()]);
        }
    }
}

/// Types every command, and TAB at and behind its name; in how many answers something was escaped.
fn meets(evil: Evil, term: &str) -> usize {
    let mock =
        Mock::start_with(|mock| server(mock, move |name, recorded| answer(evil, name, recorded)));
    let mut terminal = Terminal::start(&mock, term, &["--allow", "risky"]);
    let mut escaped = 0;
    let mut number = 100_000;
    let mut mark = move || {
        number += 1;
        (format!("print/d {number}\r"), format!("\n{number}\r\n"))
    };
    for (table, row) in rows() {
        let line = line(table, row);
        if ["quit", "connect"].iter().any(|end| line.starts_with(end)) {
            continue;
        }
        let name = line
            .strip_prefix("info ")
            .map_or("", |_| "info ")
            .to_owned()
            + line
                .trim_start_matches("info ")
                .split(' ')
                .next()
                .unwrap_or_default();
        terminal.all.clear();
        // A TAB at the name, one behind it, and none of it is run.
        let (keys, answer) = mark();
        terminal.types(format!("{name}\t\x15{name} \t\x15{keys}").as_bytes());
        terminal.sees(&answer);
        assert_harmless(&terminal.all, &format!("{evil:?} {term} {name} TAB"));
        terminal.all.clear();
        let (keys, answer) = mark();
        terminal.types(format!("{line}\r{keys}").as_bytes());
        if !terminal.sees_within(&answer, Duration::from_secs(1)) {
            // It waits for something that a mock does not do.
            terminal.types(b"\x03");
            terminal.sees(&answer);
        }
        let shown = String::from_utf8_lossy(&terminal.all);
        escaped += usize::from(shown.contains("\\x1b]0;X\\x07"));
        let mut trace = std::mem::take(&mut terminal.all);
        if name == "clear" {
            trace = String::from_utf8_lossy(&trace)
                .replacen(CLEAR, "", 1)
                .into_bytes();
        }
        assert_harmless(&trace, &format!("{evil:?} {term} {line}"));
    }
    escaped
}

#[test]
fn no_string_of_a_server_passes_raw() {
    for term in ["xterm", "dumb"] {
        let escaped = meets(Evil::All, term);
        assert!(escaped > 80, "{term}: {escaped}");
    }
}

#[test]
fn no_name_of_a_server_passes_raw() {
    for term in ["xterm", "dumb"] {
        let escaped = meets(Evil::Names, term);
        assert!(escaped > 70, "{term}: {escaped}");
    }
}

#[test]
fn no_error_of_a_server_passes_raw() {
    for term in ["xterm", "dumb"] {
        let escaped = meets(Evil::Errors, term);
        assert!(escaped > 130, "{term}: {escaped}");
    }
}

#[test]
fn no_other_type_of_a_server_passes_raw() {
    for term in ["xterm", "dumb"] {
        let escaped = meets(Evil::Types, term);
        assert!(escaped > 25, "{term}: {escaped}");
    }
}

#[test]
fn no_name_of_a_member_passes_raw() {
    for term in ["xterm", "dumb"] {
        meets(Evil::Keys, term);
    }
}

#[test]
fn the_reason_of_an_end_is_escaped() {
    for term in ["xterm", "dumb"] {
        let mut mock = Mock::start_with(|mock| {
            mock.command_with("query-kvm", |_| {
                let event = json!({"event": "SHUTDOWN", "data": {"guest": true, "reason": EVIL},
                    "timestamp": {"seconds": 1, "microseconds": 1}});
                Answer::error("GenericError", EVIL).event_after(&event)
            })
        });
        let mut terminal = Terminal::start(&mock, term, &[]);
        terminal.types(b"info kvm\r");
        terminal.sees("Error: \\x1b]0;X\\x07");
        drop(mock.server.take());
        terminal.sees("has ended (\\x1b]0;X\\x07");
        terminal.sees("(qemu) ");
        assert_harmless(&terminal.all, term);
    }
}

#[test]
fn neither_a_paste_nor_the_history_steers_the_terminal() {
    for term in ["xterm", "dumb"] {
        let mock = Mock::start();
        let folder = mock.folder.path().join("hmp");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("history"), format!("print/d 5\nprint {EVIL}\n")).unwrap();
        let mut terminal = Terminal::start(&mock, term, &[]);
        terminal.types(
            format!("\x1b[A\x05\x15print 1\x16{EVIL}\u{9b}\x12\u{202e}\x07\x05\x15").as_bytes(),
        );
        terminal.types("print/d\x16\t\x1168\u{202e}\x7f\r".as_bytes());
        terminal.sees("\n68\r\n");
        terminal.sees("(qemu) ");
        terminal.types(b"\x1b[A\x05\x15print/d 9\r");
        terminal.sees("\n9\r\n");
        assert_harmless(&terminal.all, term);
    }
}
