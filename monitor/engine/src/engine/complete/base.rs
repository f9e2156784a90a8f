// SPDX-License-Identifier: GPL-2.0-or-later
//! What could stand at the end of a line: the built-in's rules for splitting the line and choosing
//! the argument (monitor/hmp.c, `monitor_find_completion_by_table`), with candidates from QMP.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::command::row::{Command, Comp};
use crate::command::rows::Rows;
use crate::engine::complete::lists::{children_of, members};
use crate::engine::complete::source::Source;
use crate::engine::complete::{devices, network};
use crate::grammar::line::Cursor;
use crate::qemu::caps::Caps;
use crate::qmp::{BoxFuture, Qmp, QmpError, QmpResult};

/// Candidates for the word at the end of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// The byte where the word starts that a candidate would replace.
    pub start: usize,
    /// Whole words, sorted; file names are left to the program around the engine, see
    /// [`files`](Self::files).
    pub candidates: Vec<String>,
    /// What is completed.
    pub argument: Comp,
    /// Whether the argument is a file of this machine.
    pub files: bool,
    /// Why QEMU was asked in vain, where the connection did not answer.
    pub failed: Option<QmpError>,
}

/// The built-in completes no line of more words.
const MAX_WORDS: usize = 16;

/// The built-in keeps the first candidates only, as it comes upon them; then it sorts
/// (util/readline.c).
const MAX_CANDIDATES: usize = 256;

/// Completes `text`, the line left of the cursor.
pub async fn complete(text: &str, rows: &Rows, source: Source<'_>) -> Completion {
    of_all(text, rows, source, MAX_CANDIDATES).await
}

/// The same, with so many candidates at most.
pub(super) async fn of_all(text: &str, rows: &Rows, source: Source<'_>, most: usize) -> Completion {
    let Source { caps, builtin, qmp } = source;
    let qmp = &Watched {
        qmp,
        failed: OnceLock::new(),
    };
    let Some((words, start)) = words(text) else {
        return Completion::default();
    };
    let last = words.last().map_or("", String::as_str);
    let comp = wanted(&words, rows);
    let candidates = match comp {
        Wanted::Names(table) => {
            let allowed = table.iter().filter(|row| row.preconfig || !caps.preconfig);
            let names = allowed.flat_map(|row| row.names());
            names.map(str::to_owned).collect()
        }
        Wanted::Argument(comp) => candidates(comp, last, Source { caps, builtin, qmp }).await,
    };
    let typed = match comp {
        Wanted::Argument(Comp::Key) => last.rsplit('-').next().unwrap_or(last),
        _ => last,
    };
    // The keys in front of the last one stay as they are; in quotes, the word can't be taken apart.
    let (start, prefix) = match text.strip_suffix(typed) {
        Some(before) => (before.len().max(start), ""),
        None => (start, &last[..last.len() - typed.len()]),
    };
    // What a trace event's pattern matches was decided by QEMU.
    let pattern = matches!(comp, Wanted::Argument(Comp::TraceEvent));
    let mut found = BTreeSet::new();
    for candidate in candidates {
        if found.len() == most {
            break;
        }
        if pattern || candidate.starts_with(typed) {
            found.insert(format!("{prefix}{candidate}"));
        }
    }
    Completion {
        start,
        candidates: found.into_iter().collect(),
        argument: match comp {
            Wanted::Names(_) => Comp::Command,
            Wanted::Argument(comp) => comp,
        },
        files: matches!(comp, Wanted::Argument(Comp::File)),
        failed: qmp.failed.get().cloned(),
    }
}

/// Remembers the first failure of a connection that candidates are silently missing for.
struct Watched<'a> {
    qmp: &'a dyn Qmp,
    failed: OnceLock<QmpError>,
}

impl Watched<'_> {
    fn watch(&self, result: QmpResult) -> QmpResult {
        result.inspect_err(|error| {
            if error.is_fatal() {
                let _ = self.failed.set(error.clone());
            }
        })
    }
}

impl Qmp for Watched<'_> {
    fn execute<'a>(&'a self, command: &'a str, arguments: Value) -> BoxFuture<'a, QmpResult> {
        Box::pin(async move { self.watch(self.qmp.execute(command, arguments).await) })
    }
}

/// The words of the line and where the last one starts; a blank at the end starts an empty one.
/// `None` where the built-in gives up: an open quote, a bad escape, too many words.
fn words(text: &str) -> Option<(Vec<String>, usize)> {
    let mut cursor = Cursor::new(text);
    let mut words = Vec::new();
    let mut start = 0;
    loop {
        cursor.skip_blanks();
        if cursor.peek().is_none() {
            break;
        }
        if words.len() >= MAX_WORDS {
            return None;
        }
        start = cursor.pos();
        words.push(cursor.string().ok()?);
    }
    if words.is_empty() || text.ends_with(|c: char| c.is_ascii_whitespace()) {
        start = text.len();
        words.push(String::new());
    }
    Some((words, start))
}

/// What the last word should be.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    Names(&'a [&'static Command]),
    Argument(Comp),
}

fn wanted<'a>(words: &[String], rows: &'a Rows) -> Wanted<'a> {
    let (mut words, mut table) = (words, &rows.main[..]);
    loop {
        let Some((name, rest)) = words.split_first() else {
            return Wanted::Argument(Comp::Nothing);
        };
        if rest.is_empty() {
            return Wanted::Names(table);
        }
        let Some(row) = table.iter().find(|row| row.names().any(|n| n == name)) else {
            return Wanted::Argument(Comp::Nothing);
        };
        match row.name {
            "info" => (words, table) = (rest, &rows.info),
            "help|?" => (words, table) = (rest, &rows.main),
            _ => return Wanted::Argument(argument(row, rest)),
        }
    }
}

/// What completes the last of these words behind the name of `row`'s command.
fn argument(row: &Command, words: &[String]) -> Comp {
    let specs = || row.args.split(',').filter_map(|a| a.split_once(':'));
    // The built-in's own functions count words, flags too.
    let key = specs()
        .filter(|(_, kind)| !kind.starts_with('-'))
        .nth(words.len() - 1)
        .map(|(key, _)| key);
    if let Some((_, comp)) = row.complete.iter().find(|(k, _)| Some(*k) == key) {
        return *comp;
    }
    if !row.complete.is_empty() {
        return Comp::Nothing;
    }
    // The built-in's walk over args_type: the last type sticks, flags in front are stepped over at
    // the end only.
    let kinds: Vec<&str> = specs().map(|(_, kind)| kind).collect();
    let mut at = (words.len() - 1).min(kinds.len().saturating_sub(1));
    while at + 1 < kinds.len() && kinds[at].starts_with('-') {
        at += 1;
    }
    match kinds.get(at).and_then(|kind| kind.chars().next()) {
        Some('F') => Comp::File,
        Some('B') => Comp::BlockDevice,
        Some('b') => Comp::Nothing,
        _ => Comp::Nothing,
    }
}

/// Candidates before the typed prefix is looked at. A question that QEMU refuses has none.
pub(super) async fn candidates(comp: Comp, typed: &str, source: Source<'_>) -> Vec<String> {
    let Source { caps, builtin, qmp } = source;
    let ask = async |command: &'static str, arguments: Value| {
        qmp.execute(command, arguments).await.unwrap_or_default()
    };
    match comp {
        Comp::Nothing | Comp::File | Comp::Command => Vec::new(),
        Comp::DeviceType => devices::creatable(qmp, caps).await,
        Comp::Netdev => network::back_ends(Source { caps, builtin, qmp }).await,
        Comp::NetClient => network::net_clients(Source { caps, builtin, qmp }).await,
        Comp::OneOf(words) => words.iter().map(|w| (*w).to_owned()).collect(),
        Comp::BlockDevice => {
            let all = members(&ask("query-block", Value::Null).await, "device");
            all.into_iter().filter(|d| !d.is_empty()).collect()
        }
        Comp::Chardev => members(&ask("query-chardev", Value::Null).await, "label"),
        Comp::Ringbuf => {
            let children = ask("qom-list", json!({"path": "/chardevs"})).await;
            children_of(&children, |kind| kind == "child<chardev-ringbuf>")
        }
        Comp::ChardevType => members(&ask("query-chardev-backends", Value::Null).await, "name"),
        Comp::Object => {
            let children = ask("qom-list", json!({"path": "/objects"})).await;
            children_of(&children, |kind| kind.starts_with("child<"))
        }
        Comp::ObjectType => {
            let arguments = json!({"implements": "user-creatable", "abstract": false});
            members(&ask("qom-list-types", arguments).await, "name")
        }
        Comp::Device => devices::removable(qmp).await,
        Comp::Snapshot => snapshots(&ask("query-named-block-nodes", json!({"flat": true})).await),
        Comp::TraceEvent => {
            let arguments = json!({"name": format!("{typed}*")});
            // QMP's list is the built-in's from behind.
            let mut names = members(&ask("trace-event-get-state", arguments).await, "name");
            names.reverse();
            names
        }
        Comp::MigrationCapability => {
            let all = ask("query-migrate-capabilities", Value::Null).await;
            members(&all, "capability")
        }
        Comp::NetdevType => enum_values(caps, qmp, "netdev_add", "type").await,
        Comp::Key => match caps.schema(qmp).await {
            Ok(schema) => schema.key_codes(),
            Err(_) => Vec::new(),
        },
        Comp::Enum(command, argument) => enum_values(caps, qmp, command, argument).await,
        Comp::Members(command) => match caps.schema(qmp).await {
            Ok(schema) => schema.argument_names(command),
            Err(_) => Vec::new(),
        },
    }
}

async fn enum_values(caps: &Caps, qmp: &dyn Qmp, command: &str, argument: &str) -> Vec<String> {
    match caps.schema(qmp).await {
        Ok(schema) => schema.enum_values(command, argument),
        Err(_) => Vec::new(),
    }
}

/// Names and ids of internal snapshots.
fn snapshots(nodes: &Value) -> Vec<String> {
    let nodes = nodes.as_array().map_or(&[][..], Vec::as_slice);
    let lists = nodes
        .iter()
        .filter_map(|node| node.get("image")?.get("snapshots"));
    lists
        .flat_map(|list| [members(list, "name"), members(list, "id")])
        .flatten()
        .collect()
}
