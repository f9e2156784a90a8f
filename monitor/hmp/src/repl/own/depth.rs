// SPDX-License-Identifier: GPL-2.0-or-later
//! What help at the prompt says beyond the built-in's lines: examples, values, the QMP way, what is
//! missing without the built-in monitor, what is related.

use std::fmt::Write;

use hmp_engine::command::row::{Command, Comp, Way};
use hmp_engine::command::rows::Rows;
use hmp_engine::host::Risk;
use hmp_engine::qmp::version::Version;

use crate::repl::own::examples::EXAMPLES;
use crate::repl::own::pages::PAGES;

/// Columns of a line at most, where it has blanks to part it at, and where values begin.
const COLUMNS: usize = 79;
const VALUES: usize = 12;

/// Related commands that are named.
const RELATED: usize = 8;

/// What there is to say of the command that `help` was asked about, a fact on each line; nothing
/// where it is not known. `fits` says whether an example is a line of this QEMU's.
pub(in crate::repl) fn of(
    name: &str,
    rows: &Rows,
    version: Version,
    fits: impl Fn(&str) -> bool,
) -> String {
    let words: Vec<&str> = name.split_ascii_whitespace().collect();
    let (prefix, table, name) = match words[..] {
        ["info", name, ..] => ("info ", &rows.info, name),
        [name, ..] => ("", &rows.main, name),
        [] => return list(),
    };
    let Some(row) = table
        .iter()
        .find(|row| row.names().any(|known| known == name))
    else {
        return String::new();
    };
    let mut text = String::new();
    let mut fact = |name: &str, value: &str| text.push_str(&wrapped(name, value));
    for (line, what) in examples(prefix, row).filter(|(line, _)| fits(line)) {
        fact("example", &format!("{line}   ({what})"));
    }
    for (key, words) in values(row, version) {
        fact("values", &format!("{key}: {words}"));
    }
    for (name, value) in ways(row) {
        fact(name, &value);
    }
    let related = related(prefix, row, rows);
    if !related.is_empty() {
        fact("related", &related.join(", "));
    }
    text
}

/// A fact, on as many lines as it takes.
fn wrapped(name: &str, value: &str) -> String {
    let mut text = format!("  {name:<10}");
    let mut column = VALUES;
    for word in value.split_inclusive(' ') {
        let width = word.trim_end().chars().count();
        if column > VALUES && column + width > COLUMNS {
            text.truncate(text.trim_end().len());
            // Writing to a string can't fail.
            let _ = write!(text, "\n{:VALUES$}", "");
            column = VALUES;
        }
        text.push_str(word);
        column += word.chars().count();
    }
    text.push('\n');
    text
}

/// The prompt's own commands, for `help` alone.
fn list() -> String {
    let mut text = "commands of hmp's prompt:\n".to_owned();
    for page in PAGES {
        let _ = writeln!(text, "{page}");
    }
    text
}

fn examples(
    prefix: &str,
    row: &Command,
) -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    EXAMPLES.iter().filter(move |(line, _)| {
        let rest = line.strip_prefix(prefix);
        let first = rest.and_then(|rest| rest.split([' ', '/']).next());
        row.names().any(|name| first == Some(name))
    })
}

fn values(row: &Command, version: Version) -> impl Iterator<Item = (String, String)> {
    let args = row.args_in(version);
    row.complete.iter().filter_map(move |(key, comp)| {
        let there = args
            .split(',')
            .any(|arg| arg.split(':').next() == Some(key));
        match comp {
            Comp::OneOf(words) if there => Some(((*key).to_owned(), words.join(", "))),
            _ => None,
        }
    })
}

/// The QMP commands, and what is not there without the built-in monitor.
fn ways(row: &Command) -> Vec<(&'static str, String)> {
    let mut ways = Vec::new();
    for route in row.routes {
        let needs = || match route.risk {
            Risk::Safe => route.needs().join(", "),
            risk => format!("{} ({})", route.needs().join(", "), risk.word()),
        };
        match route.way {
            Way::Native(..) | Way::Derived(..) => ways.push(("QMP", needs())),
            Way::Partial(..) => ways.push(("QMP", format!("{} (a part of the answer)", needs()))),
            Way::Blocked(missing) => {
                ways.push((
                    "missing",
                    format!("{} in QMP: {}", missing.name, missing.why),
                ));
            }
            Way::Local(_) | Way::ToConvert => {}
        }
    }
    ways.dedup();
    ways
}

/// Commands about the same, those whose names share a word first.
fn related(prefix: &str, row: &Command, rows: &Rows) -> Vec<String> {
    let words = |name: &str| -> Vec<String> {
        let words = name
            .split(['_', '-', '|', ' '])
            .filter(|word| word.len() > 2);
        words.map(str::to_owned).collect()
    };
    let own = words(row.name);
    let mut found: Vec<(usize, String)> = rows
        .all()
        .filter(|(other, candidate)| {
            candidate.family == row.family && (*other, candidate.name) != (prefix, row.name)
        })
        .map(|(prefix, candidate)| {
            let shared = words(candidate.name)
                .iter()
                .filter(|word| own.contains(word))
                .count();
            let name = candidate.names().next().unwrap_or_default();
            (usize::MAX - shared, format!("{prefix}{name}"))
        })
        .collect();
    found.sort();
    found
        .into_iter()
        .take(RELATED)
        .map(|(_, name)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use hmp_engine::command::rows::Tables;
    use hmp_engine::qemu::caps::Caps;
    use hmp_engine::qmp::version::v;
    use hmp_engine::table::{INFO, MAIN};

    use super::*;

    fn about(name: &str) -> String {
        let caps = Caps::from_parts(v(10, 0), Some("x86_64"), ["query-name"]);
        let tables = Tables {
            main: MAIN,
            info: INFO,
        };
        of(name, &Rows::new(tables, &caps), caps.version, |line| {
            !line.ends_with("-v drive0")
        })
    }

    #[test]
    fn a_command_has_its_facts() {
        let text = about("device_add");
        assert!(
            text.contains("  example   device_add virtio-net-pci"),
            "{text}"
        );
        assert!(text.contains("  QMP       "), "{text}");
        assert!(text.contains("device_del"), "{text}");
        let text = about("info mtree");
        assert!(
            text.contains("  missing   x-query-mtree in QMP: "),
            "{text}"
        );
        assert!(!about("info block").contains("example"), "it does not fit");
        assert_eq!(about("nosuch"), "");
        let text = about("migrate_set_parameter");
        assert!(text.lines().all(|line| line.len() < 80), "{text}");
        assert!(
            text.lines()
                .any(|line| line.starts_with("            migrate")),
            "{text}"
        );
        assert!(about("").contains("watch [-n seconds] line -- "));
    }
}
