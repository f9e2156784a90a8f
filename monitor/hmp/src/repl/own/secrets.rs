// SPDX-License-Identifier: GPL-2.0-or-later
//! Which typed lines may hold a secret: those of the monitor, and the prompt's own around them.

use hmp_engine::engine::secret;
use hmp_engine::grammar::secret::is_secret;
use serde_json::Value;

use crate::repl::own::qmp::{self, Request};
use crate::repl::own::watch::watched;

/// Whether a line may hold a password or a key. In doubt it does.
pub(in crate::repl) fn may_hold_one(line: &str) -> bool {
    let line = line.trim_start();
    let (first, rest) = line
        .split_once(|c: char| c.is_ascii_whitespace())
        .unwrap_or((line, ""));
    let rest = rest.trim_start();
    match first {
        // For passwords there is -p, and who knows of it.
        "type" => !rest.trim_end().is_empty() && rest.trim_end() != "-p",
        "explain" => may_hold_one(rest),
        "watch" => {
            watched(rest).map_or_else(|_| may_hold_one(rest), |(_, line)| may_hold_one(line))
        }
        "qmp" => match qmp::read(rest.trim_end()) {
            Ok(request) => is_in(&request),
            Err(_) => is_secret(&rest.to_ascii_lowercase()) || secret::may_hold_one(rest),
        },
        _ => secret::may_hold_one(line),
    }
}

fn is_in(request: &Request) -> bool {
    let text = |name| request.arguments.get(name).and_then(Value::as_str);
    match request.command.as_str() {
        "human-monitor-command" => text("command-line").is_none_or(may_hold_one),
        "object-add" if text("qom-type").is_none_or(|kind| kind.starts_with("secret")) => true,
        "qom-set" => text("property").is_none_or(|name| is_secret(name) || name == "data"),
        "set_password" | "change-vnc-password" => true,
        _ => names_one(&request.arguments),
    }
}

/// Whether any member is called a secret.
fn names_one(value: &Value) -> bool {
    match value {
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| is_secret(&name.to_ascii_lowercase()) || names_one(value)),
        Value::Array(items) => items.iter().any(names_one),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("set_password vnc x")]
    #[case("explain set_password vnc x")]
    #[case("watch set_password vnc x")]
    #[case("watch -n 1 explain set_password vnc x")]
    #[case("type hunter2")]
    #[case(r#"qmp object-add {"qom-type":"secret","id":"x","data":"s"}"#)]
    #[case("qmp object-add qom-type=secret_keyring id=x")]
    #[case(r#"qmp {"execute":"set_password","arguments":{"protocol":"vnc"}}"#)]
    #[case(r#"qmp blockdev-add {"driver":"x","file":{"password":"s"}}"#)]
    #[case(r#"qmp human-monitor-command {"command-line":"set_password vnc x"}"#)]
    #[case("qmp object-add {\"qom-type\":\"secret\"")]
    fn secret(#[case] line: &str) {
        assert!(may_hold_one(line));
    }

    #[rstest]
    #[case("info status")]
    #[case("type -p")]
    #[case("explain info status")]
    #[case("watch -n 1 info status")]
    #[case("qmp query-status")]
    #[case(r#"qmp object-add {"qom-type":"rng-random","id":"x"}"#)]
    #[case("qmp human-monitor-command {\"command-line\":\"info status\"}")]
    fn others(#[case] line: &str) {
        assert!(!may_hold_one(line));
    }
}
