// SPDX-License-Identifier: GPL-2.0-or-later
//! The commands behind whose lines `|` and `>` are the built-in's own: the whole is a line of it.

use std::sync::Arc;

use hmp_engine::command::row::Command;
use hmp_engine::engine::Monitor;
use hmp_engine::qemu::caps::Caps;
use hmp_engine::qmp::version::v;
use hmp_engine::qmp::{BoxFuture, Qmp, QmpError, QmpResult};
use hmp_engine::table::{INFO, MAIN};
use serde_json::Value;

use crate::prose::wrap;

/// Answers nothing: lines are only read.
struct Nobody;

impl Qmp for Nobody {
    fn execute<'a>(&'a self, _: &'a str, _: Value) -> BoxFuture<'a, QmpResult> {
        Box::pin(async { Err(QmpError::Unsupported("nobody is there".into())) })
    }
}

/// Their names, as a list of the manual.
pub fn list() -> String {
    // What no release has together: which commands QMP has does not matter for reading.
    let needed = MAIN
        .iter()
        .chain(INFO)
        .flat_map(|row| row.routes)
        .flat_map(|r| r.needs());
    // (11.1, seen: the newest release that is known)
    let caps = Caps::from_parts(v(11, 1), None, needed.copied());
    let monitor = Monitor::builder(Arc::new(Nobody)).build_with(caps);
    let mut names = Vec::new();
    let rows = MAIN.iter().map(|row| ("", row));
    for (prefix, row) in rows.chain(INFO.iter().map(|row| ("info ", row))) {
        let line = line(prefix, row);
        let is_line = |text: &str| monitor.explain(text).arguments.is_some();
        let own = ["|", ">"]
            .iter()
            .any(|sign| is_line(&format!("{line} {sign} 1")));
        if is_line(&line) && own {
            names.push(format!(
                "`{prefix}{}`",
                row.names().next().unwrap_or_default()
            ));
        }
    }
    wrap("", &format!("{}.", names.join(", ")))
}

/// A line of the command with the arguments that it can't do without.
fn line(prefix: &str, row: &Command) -> String {
    let mut line = format!("{prefix}{}", row.names().next().unwrap_or_default());
    for argument in row.args.split(',') {
        let letter = argument.split_once(':').map_or("", |(_, letter)| letter);
        let text = match letter {
            "" | "/" => continue,
            letter if letter.starts_with('-') || letter.ends_with('?') => continue,
            "b" => " on",
            "i" | "l" | "M" | "o" | "T" => " 1",
            _ => " x",
        };
        line.push_str(text);
    }
    line
}
