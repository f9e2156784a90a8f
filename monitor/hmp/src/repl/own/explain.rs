// SPDX-License-Identifier: GPL-2.0-or-later
//! `explain`: a decision as sentences.

use std::fmt::Write;

use hmp_engine::command::hazard::At;
use hmp_engine::engine::{Decision, secret};
use serde_json::{Value, json};

use crate::repl::own::pages::Page;

/// What a command of the prompt is.
pub(in crate::repl) fn own(page: &Page) -> String {
    let (name, help) = (page.name, page.help);
    format!(
        "{:<12}{name}\n{:<12}the prompt's own: {help}\n",
        "command", "route"
    )
}

/// What a line would do, a fact on each line.
pub(in crate::repl) fn text(decision: &Decision) -> String {
    let facts = json!(decision);
    let hides = secret::may_hold_one(&decision.line);
    let mut text = String::new();
    let mut fact = |name: &str, value: &str| {
        // Writing to a string can't fail.
        let _ = writeln!(text, "{name:<12}{value}");
    };
    if let Some(command) = facts["command"].as_str() {
        fact("command", command);
    }
    if let Some(arguments) = facts["arguments"].as_object().filter(|a| !a.is_empty()) {
        for (name, value) in arguments {
            match hides {
                true => fact("argument", &format!("{name} = (may be secret)")),
                false => fact("argument", &format!("{name} = {value}")),
            }
        }
    }
    if let Some(route) = facts["route"].as_str() {
        fact("route", &format!("{route}: {}", meaning(route)));
    }
    if let Some(risk) = facts["risk"].as_str().filter(|risk| *risk != "safe") {
        fact("risk", risk);
    }
    for command in strings(&facts["qmp"]) {
        fact("QMP", command);
    }
    for way in facts["otherwise"].as_array().into_iter().flatten() {
        let needs: Vec<_> = strings(&way["qmp"]).collect();
        let risk = way["risk"].as_str().unwrap_or_default();
        fact("otherwise", &format!("{risk}, {}", needs.join(", ")));
    }
    if let Some(error) = facts["error"].as_str() {
        let name = if facts["route"] == "refused" {
            "refused"
        } else {
            "error"
        };
        for line in error.lines() {
            fact(name, line);
        }
    }
    for met in &decision.hazards {
        let (At::Line(name) | At::Qmp(name)) = met.at;
        let unless = if met.hazard.certain {
            ""
        } else {
            ", unless --allow risky is given"
        };
        let harm = met.hazard.harm;
        let harm = format!("refused where that is so{unless}: {name} {harm}");
        fact("hazard", &harm);
    }
    text
}

fn strings(value: &Value) -> impl Iterator<Item = &str> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

fn meaning(route: &str) -> &'static str {
    match route {
        "native" => "QMP has the command",
        "derived" => "computed from QMP commands",
        "partial" => "QMP has a part of the answer",
        "local" => "nothing of QEMU is needed",
        "passthrough" => "the built-in monitor runs the line",
        _ => "the line is not carried out",
    }
}
