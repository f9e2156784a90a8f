// SPDX-License-Identifier: GPL-2.0-or-later
//! `qmp`: a QMP command as it is.

use std::fmt::Write;

use hmp_engine::command::cx::CmdError;
use hmp_engine::engine::Monitor;
use hmp_engine::qmp::QmpError;
use serde_json::{Map, Value};

/// A request that was typed.
#[derive(Debug, PartialEq)]
pub(in crate::repl) struct Request {
    pub(in crate::repl) command: String,
    pub(in crate::repl) arguments: Value,
}

/// Reads `COMMAND`, `COMMAND {arguments}`, `COMMAND NAME=VALUE ...` or `{"execute": COMMAND,
/// "arguments": {...}}`. A value is JSON, or else a string.
pub(in crate::repl) fn read(text: &str) -> Result<Request, String> {
    if text.starts_with('{') {
        return whole(text);
    }
    let (command, rest) = match text.split_once(|c: char| c.is_ascii_whitespace()) {
        Some((command, rest)) => (command, rest.trim()),
        None => (text, ""),
    };
    if command.is_empty() {
        return Err("a QMP command is missing".into());
    }
    let arguments = match rest {
        "" => Value::Null,
        rest if rest.starts_with('{') => object(rest, "the arguments are")?.into(),
        rest => pairs(rest)?.into(),
    };
    Ok(Request {
        command: command.to_owned(),
        arguments,
    })
}

fn whole(text: &str) -> Result<Request, String> {
    let mut request = object(text, "the request is")?;
    let Some(Value::String(command)) = request.remove("execute") else {
        return Err("the request has no \"execute\"".into());
    };
    let arguments = request.remove("arguments").unwrap_or_default();
    // The connection numbers its requests itself.
    request.remove("id");
    match request.keys().next() {
        Some(other) => Err(format!("the request has a member \"{other}\"")),
        None => Ok(Request { command, arguments }),
    }
}

fn object(text: &str, what: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("{what} not a JSON object: {error}"))
}

/// Words with blanks between; what is in quotes is a part of its word.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    let words = text.split(move |c: char| {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = quoted,
            '"' => quoted = !quoted,
            _ => return !quoted && c.is_ascii_whitespace(),
        }
        false
    });
    words.filter(|word| !word.is_empty())
}

fn pairs(text: &str) -> Result<Map<String, Value>, String> {
    let mut arguments = Map::new();
    for word in words(text) {
        let Some((name, value)) = word.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(format!("'{word}' is not NAME=VALUE"));
        };
        let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        if arguments.insert(name.to_owned(), value).is_some() {
            return Err(format!("'{name}' is given twice"));
        }
    }
    Ok(arguments)
}

/// Executes a request, unless it would harm this QEMU; writes the reply, or why there is none.
/// Whether it was carried out.
pub(in crate::repl) async fn execute(
    monitor: &mut Monitor,
    request: Request,
    out: &mut (dyn Write + Send),
) -> Result<bool, QmpError> {
    let reply = monitor.execute(&request.command, request.arguments).await;
    match reply {
        Ok(reply) => {
            // A sink that takes no more is noticed by whoever owns it.
            let _ = writeln!(out, "{reply:#}");
            Ok(true)
        }
        Err(CmdError::Qmp(error)) if error.is_fatal() => Err(error),
        Err(error) => {
            let _ = writeln!(out, "{error}");
            Ok(false)
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("query-status", "query-status", json!(null))]
    #[case("stop {}", "stop", json!({}))]
    #[case("qom-get path=/machine property=type", "qom-get", json!({"path": "/machine", "property": "type"}))]
    #[case("balloon value=1048576", "balloon", json!({"value": 1048576}))]
    #[case("set x=true y=\"1\" z=a=b", "set", json!({"x": true, "y": "1", "z": "a=b"}))]
    #[case(
        r#"x a="info status"  b="c \" d" e=1"#,
        "x",
        json!({"a": "info status", "b": "c \" d", "e": 1})
    )]
    #[case(r#"{"execute": "stop", "id": 1}"#, "stop", json!(null))]
    #[case(r#"{"execute": "x", "arguments": {"a": [1]}}"#, "x", json!({"a": [1]}))]
    fn requests(#[case] text: &str, #[case] command: &str, #[case] arguments: Value) {
        let request = read(text).unwrap();
        assert_eq!(request.command, command);
        assert_eq!(request.arguments, arguments);
    }

    #[rstest]
    #[case("")]
    #[case("stop x")]
    #[case("stop =1")]
    #[case("stop a=\"b\" c")]
    #[case("stop a=1 a=2")]
    #[case("stop {")]
    #[case("stop []")]
    #[case("{}")]
    #[case(r#"{"execute": 1}"#)]
    #[case(r#"{"execute": "stop", "control": 1}"#)]
    fn wrong_ones(#[case] text: &str) {
        assert!(read(text).is_err(), "{text}");
    }
}
