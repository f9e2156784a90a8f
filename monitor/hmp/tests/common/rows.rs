// SPDX-License-Identifier: GPL-2.0-or-later
//! Every row of the tables with a line for it, and a mock that answers as a QEMU 11.1 did.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use hmp_engine::command::row::{Command, Present};
use hmp_engine::table::{INFO, MAIN};
use mock_qmp::{Answer, MockQmp};
use serde_json::{Value, json};

/// What is recorded of one machine.
pub struct Recorded {
    /// The longest answer to each command.
    pub answers: BTreeMap<String, Value>,
    /// The names of all its commands.
    pub listed: Vec<String>,
    /// Lines that were answered, not with an error.
    lines: Vec<String>,
}

/// A row, and a line for it.
#[derive(Clone, Debug)]
pub struct Case {
    pub row: &'static Command,
    pub line: String,
    /// A target that has the command.
    pub arch: &'static str,
}

/// That of the newest release.
pub static RECORDED: LazyLock<Recorded> = LazyLock::new(recorded);

fn files(end: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recordings/11.1-x86_64-q35");
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|ext| ext == end))
        .collect();
    paths.sort();
    paths
}

fn recorded() -> Recorded {
    let mut longest: BTreeMap<String, (usize, Value)> = BTreeMap::new();
    for path in files("qmp") {
        let mut asked = String::new();
        for line in fs::read_to_string(path).unwrap().lines() {
            let Ok(line) = serde_json::from_str::<Value>(line) else {
                continue;
            };
            if let Some(name) = line["request"]["execute"].as_str() {
                name.clone_into(&mut asked);
            } else if let Some(answer) = line["reply"].get("return") {
                let length = answer.to_string().len();
                if longest.get(&asked).is_none_or(|(known, _)| length > *known) {
                    longest.insert(asked.clone(), (length, answer.clone()));
                }
            }
        }
    }
    let listed = longest["query-commands"].1.as_array().unwrap().iter();
    let listed = listed.map(|entry| entry["name"].as_str().unwrap().to_owned());
    let listed = listed.collect();
    let mut lines = Vec::new();
    for path in files("hmp") {
        for line in fs::read_to_string(path).unwrap().lines() {
            let Ok(entry) = serde_json::from_str::<Value>(line) else {
                continue;
            };
            if let (Some(line), Some(answer)) = (entry["line"].as_str(), entry["answer"].as_str())
                && !["Error", "Command", "unknown"]
                    .iter()
                    .any(|start| answer.starts_with(start))
                && !answer.contains("Try \"help")
            {
                lines.push(line.to_owned());
            }
        }
    }
    let answers = longest
        .into_iter()
        .map(|(name, (_, answer))| (name, answer));
    Recorded {
        answers: answers.collect(),
        listed,
        lines,
    }
}

/// Commands without whose usual answers there is no connection.
pub const NEEDED: [&str; 5] = [
    "qmp_capabilities",
    "query-version",
    "query-commands",
    "query-target",
    "quit",
];

/// Levels of objects below the root.
const DEEPEST: usize = 2;

/// A QEMU 11.1 whose answers to all commands but those are what `answer` makes of the recorded
/// ones, when they are asked for.
pub fn server(
    mut mock: MockQmp,
    answer: impl Fn(&str, Option<&Value>) -> Answer + Copy + Send + 'static,
) -> MockQmp {
    mock = mock.version("11.1.0");
    for name in &RECORDED.listed {
        if !NEEDED.contains(&&**name) {
            let recorded = RECORDED.answers.get(name);
            mock = mock.command_with(name, move |arguments| {
                answer(name, recorded.filter(|_| !is_far_below(arguments)))
            });
        }
    }
    mock
}

/// Whether what is asked about lies deeper than objects do: a tree whose objects all have the same
/// children would never end.
fn is_far_below(arguments: &Value) -> bool {
    let path = arguments.get("path").and_then(Value::as_str);
    path.is_some_and(|path| path.matches('/').count() > DEEPEST)
}

/// As recorded; a command that was never asked for fails.
pub fn usual(name: &str, answer: Option<&Value>) -> Answer {
    match answer {
        Some(answer) => Answer::from(answer.clone()),
        None if name.starts_with("human-") => Answer::from(json!("text\n")),
        None => Answer::error("GenericError", format!("no {name}")),
    }
}

/// A value that an argument of this letter can have.
fn value(letter: &str) -> &'static str {
    match letter.trim_start_matches('-').chars().next() {
        Some('i' | 'l' | 'M' | 'o' | 'T' | 'f') => "1",
        Some('b') => "on",
        Some('F') => "/nonexistent/file",
        Some('O') => "driver,id=x",
        _ => "x",
    }
}

/// The command with the arguments that it can't do without.
pub fn line(table: &str, row: &Command) -> String {
    let name = row.name.split('|').next().unwrap();
    let mut line = format!("{table}{name}");
    for argument in row.args.split(',').filter(|argument| !argument.is_empty()) {
        let (_, letter) = argument.split_once(':').unwrap();
        if !letter.ends_with('?') && !letter.starts_with('-') && letter != "/" {
            line.push(' ');
            line.push_str(value(letter));
        }
    }
    line
}

/// The rows of both tables.
pub fn rows() -> impl Iterator<Item = (&'static str, &'static Command)> {
    let rows = MAIN.iter().map(|row| ("", row));
    rows.chain(INFO.iter().map(|row| ("info ", row)))
}

/// A line for each row: the shortest one that a QEMU answered, else one that has all it takes.
pub fn cases() -> Vec<Case> {
    let case = |(table, row): (&str, &'static Command)| {
        let names = row.names().map(|name| format!("{table}{name}"));
        let names: Vec<_> = names.collect();
        let is_its = |line: &&String| {
            let mut rests = names
                .iter()
                .filter_map(|name| line.strip_prefix(name.as_str()));
            rests.any(|rest| rest.is_empty() || rest.starts_with([' ', '/']))
        };
        let known = RECORDED.lines.iter().filter(is_its);
        let known = known.min_by_key(|line| (line.len(), *line)).cloned();
        Case {
            row,
            line: known.unwrap_or_else(|| line(table, row)),
            arch: arch(&row.present),
        }
    };
    rows().map(case).collect()
}

fn arch(present: &Present) -> &'static str {
    match present {
        Present::Target(targets) => targets
            .iter()
            .find(|t| **t == "x86_64")
            .unwrap_or(&targets[0]),
        _ => "x86_64",
    }
}
