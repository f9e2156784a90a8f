// SPDX-License-Identifier: GPL-2.0-or-later
//! The QMP cookbook: lines of the human monitor, and the QMP requests that do the same.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::LazyLock;

use hmp_engine::command::nature::Family;
use hmp_engine::command::row::Way;
use regex::Regex;
use serde_json::Value;

use super::Page;
use super::commands;
use super::facts::{Entry, Facts, requests};
use crate::prose::{WIDTH, anchor, codes, sentence, wrap};

/// How many lines of a command are shown.
const LINES: usize = 3;

/// How many requests of a line are shown.
const REQUESTS: usize = 6;

const HEAD: &str = "\
# QMP cookbook

Written by `cargo xtask generate` from the recordings.

What to send to a QMP socket for each line of the human monitor: the requests below are those that
`hmp --native-only` sent for the line, on recordings of real QEMUs (mostly 11.1 with `-M q35`),
where the answer was the built-in monitor's. `hmp --explain LINE` says the same of a QEMU of your
own without running the line, and `explain LINE` at the prompt. Requests have no `id` here.
Identifiers and paths are those of the recorded machines; N, ID and FILE are what is another each
time: the number that `add-fd` returned, that of the descriptor there, a mark, the name of a file.

Text that the human monitor makes of the replies is not part of a reply: what programs read is the
reply itself, which `query-qmp-schema` describes. A line for which QMP has no interface is listed
with what is missing; `human-monitor-command` is the way for it until QEMU has one.
";

/// The page.
pub fn page(facts: &Facts) -> Page {
    let mut page = HEAD.to_owned();
    for family in Family::ALL {
        let title = sentence(family.title());
        let _ = writeln!(page, "\n## {}", title.trim_end_matches('.'));
        for entry in facts.entries.iter().filter(|e| e.family() == family) {
            page.push('\n');
            page.push_str(&section(facts, entry));
        }
    }
    ("docs/cookbook.md".into(), page)
}

fn section(facts: &Facts, entry: &Entry) -> String {
    let name = &entry.name;
    let link = format!(
        "commands/{}#{}",
        commands::file(entry.family()),
        anchor(name)
    );
    let mut out = format!("### [`{name}`]({link})\n\n");
    let lines = lines(facts, entry);
    if lines.is_empty() {
        out.push_str(&wrap("", &without(facts, entry)));
        return out;
    }
    for (line, requests) in lines {
        let _ = write!(out, "`{line}`\n\n{}\n", shown(&requests));
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// Lines whose requests are of different shapes, short ones first; long ones only where there are no
/// others.
fn lines<'a>(facts: &'a Facts, entry: &Entry) -> Vec<(&'a str, Vec<&'a Value>)> {
    let right = facts.right(entry);
    let mut all: Vec<(&str, Vec<&Value>)> = right
        .map(|one| (one.entry.line.as_str(), once(requests(one))))
        .filter(|(_, requests): &(&str, Vec<&Value>)| !requests.is_empty())
        .collect();
    // A file of ours is what there is where QEMU can't be passed a descriptor.
    let of_ours = |request: &&Value| numbered(request).to_string().contains(FILE);
    all.sort_by_key(|(_, requests)| (requests.iter().any(of_ours), requests.len()));
    let (mut shapes, mut seen) = (BTreeSet::new(), BTreeSet::new());
    all.retain(|(line, requests)| shapes.insert(shape(requests)) && seen.insert(*line));
    let short = all
        .iter()
        .filter(|(_, requests)| requests.len() <= REQUESTS);
    let keep = short.count().clamp(1, LINES);
    all.truncate(keep);
    all
}

/// Each request once, in the order in which they were asked first: what a line asks again, it asks to be
/// sure that nothing has changed.
fn once<'a>(all: impl Iterator<Item = &'a Value>) -> Vec<&'a Value> {
    let mut kept = Vec::new();
    for request in all {
        if !kept.contains(&request) {
            kept.push(request);
        }
    }
    kept
}

/// The names of commands and arguments.
fn shape(requests: &[&Value]) -> BTreeSet<String> {
    let of = |request: &&Value| {
        let arguments = request.get("arguments").and_then(Value::as_object);
        let mut names: Vec<&str> = arguments
            .into_iter()
            .flat_map(|arguments| arguments.keys().map(String::as_str))
            .collect();
        names.sort_unstable();
        let command = request.get("execute").and_then(Value::as_str);
        format!("{} {}", command.unwrap_or_default(), names.join(" "))
    };
    requests.iter().map(of).collect()
}

/// Requests as JSON, and how many more there are.
fn shown(all: &[&Value]) -> String {
    let keep = match all.len() {
        len if len <= REQUESTS => len,
        _ => REQUESTS - 1,
    };
    let mut out = "```json\n".to_owned();
    for request in &all[..keep] {
        out.push_str(&laid_out(&numbered(request), 0, 0));
        out.push('\n');
    }
    out.push_str("```\n");
    if keep < all.len() {
        let rest = all[keep..].iter();
        let rest: BTreeSet<&str> = rest
            .filter_map(|request| request.get("execute")?.as_str())
            .collect();
        let text = format!("and {} more: {}.", all.len() - keep, codes(rest));
        out.push('\n');
        out.push_str(&wrap("", &text));
    }
    out
}

/// What is another each time, as a letter or a word: numbers of descriptors, marks of ours, names of
/// files of ours.
fn numbered(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            let mut text = text.clone();
            for (pattern, word) in CHOSEN.iter() {
                text = pattern.replace_all(&text, *word).into_owned();
            }
            text.into()
        }
        Value::Array(items) => items.iter().map(numbered).collect(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| {
                let value = match name.as_str() {
                    "fdset-id" | "fd" if value.is_number() => "N".into(),
                    _ => numbered(value),
                };
                (name.clone(), value)
            });
            Value::Object(members.collect())
        }
        _ => value.clone(),
    }
}

/// What is shown for a file of ours.
const FILE: &str = "/tmp/FILE";

/// What we choose anew each time, and what is shown instead.
static CHOSEN: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let patterns = [
        ("/dev/fdset/[0-9]+", "/dev/fdset/N"),
        ("/proc/self/fd/[0-9]+", "/proc/self/fd/N"),
        // Host, user, process, its start, and a moment.
        ("[0-9a-f]+(\\.[0-9a-f]+){4}", "ID"),
        ("/tmp/hmp-ID-[0-9A-Za-z]+/.*", FILE),
    ];
    let read = |(pattern, word)| Some((Regex::new(pattern).ok()?, word));
    patterns.into_iter().filter_map(read).collect()
});

/// JSON on one line where that is not too long, else a member a line;
/// `taken` columns of its first line are.
fn laid_out(value: &Value, indent: usize, taken: usize) -> String {
    let line = spaced(value);
    // A comma may follow.
    if taken + line.len() < WIDTH {
        return line;
    }
    let blanks = " ".repeat(indent + 2);
    let (open, items, close) = match value {
        Value::Array(items) => {
            let items = items
                .iter()
                .map(|item| laid_out(item, indent + 2, indent + 2));
            ('[', items.collect::<Vec<_>>(), ']')
        }
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| {
                let name = Value::from(name.as_str()).to_string();
                let taken = indent + 2 + name.len() + 2;
                format!("{name}: {}", laid_out(value, indent + 2, taken))
            });
            ('{', members.collect(), '}')
        }
        _ => return line,
    };
    let items = items.join(&format!(",\n{blanks}"));
    format!("{open}\n{blanks}{items}\n{}{close}", " ".repeat(indent))
}

/// JSON on one line, with a blank behind each comma and colon.
fn spaced(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(spaced).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| format!("{}: {}", Value::from(name.as_str()), spaced(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// What is said of a command without such a line.
fn without(facts: &Facts, entry: &Entry) -> String {
    let routes = || entry.rows.iter().flat_map(|row| row.routes);
    let missing = routes().find_map(|route| match route.way {
        Way::Blocked(missing) => Some(missing),
        _ => None,
    });
    let needs: BTreeSet<&str> = routes().flat_map(|route| route.needs()).copied().collect();
    if routes().all(|route| matches!(route.way, Way::Local(_))) {
        return "Nothing is asked of QEMU.".into();
    }
    if facts.right(entry).next().is_some() {
        let names = needs.into_iter().map(|need| format!("`{need}`"));
        let names = names.collect::<Vec<_>>().join(", ");
        return format!("Nothing is asked where it is known already, else {names}.");
    }
    let mut text = String::new();
    if let Some(missing) = missing {
        let _ = write!(text, "QMP lacks `{}`: {}. ", missing.name, missing.why);
    }
    if !needs.is_empty() {
        let names: Vec<String> = needs.iter().map(|need| format!("`{need}`")).collect();
        let when = match missing {
            Some(_) => "Where that is allowed or there, it is made of",
            None => "No line of it that succeeds was recorded; it is made of",
        };
        let _ = write!(text, "{when} {}.", names.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn requests_are_one_line_each() {
        let add = json!({"execute": "add-fd", "arguments": {"fdset-id": 7}});
        let save = json!({"execute": "memsave",
            "arguments": {"filename": "/dev/fdset/7", "n": [1, 2]}});
        assert_eq!(
            shown(&[&add, &save]),
            "```json\n{\"execute\": \"add-fd\", \"arguments\": {\"fdset-id\": \"N\"}}\n\
             {\"execute\": \"memsave\", \"arguments\": {\"filename\": \"/dev/fdset/N\", \
             \"n\": [1, 2]}}\n```\n"
        );
        let many = shown(&[&add; 10]);
        assert!(many.ends_with("```\n\nand 5 more: `add-fd`.\n"), "{many}");
        let shape = shape(&[&json!({"execute": "a", "arguments": {"y": 1, "x": 2}})]);
        assert_eq!(shape, ["a x y".to_owned()].into());
    }

    #[test]
    fn long_requests_are_laid_out() {
        let long = json!({"execute": "x", "arguments": {"a": "b".repeat(85), "c": 1}});
        let text = laid_out(&long, 0, 0);
        assert!(text.starts_with("{\n  \"execute\": \"x\",\n  \"arguments\": {\n    \"a\": "));
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), long);
        assert!(text.lines().all(|line| line.len() <= WIDTH));
    }

    #[test]
    fn what_is_chosen_anew_is_a_word() {
        let of = |text: &str| numbered(&json!(text));
        assert_eq!(of("hmp:853f.eff.26cd.5d5d0f.6615a5"), json!("hmp:ID"));
        let file = "/tmp/hmp-853f.eff.26cd.5d5d0f.6615a5-DQcLM/.tmpTh4";
        assert_eq!(of(file), json!("/tmp/FILE"));
        assert_eq!(of("/proc/self/fd/12"), json!("/proc/self/fd/N"));
        assert_eq!(of("127.0.0.1:1"), json!("127.0.0.1:1"));
    }
}
