// SPDX-License-Identifier: GPL-2.0-or-later
//! Format 0: a plain transcript of a QMP session, one JSON object a line, as a logging client
//! leaves it.
//!
//! It is read by turning it into the current format first. Lines differ by their members:
//! `QMP`, `execute` or `exec-oob`, `return` or `error`, `event`. Marks in front of a line (`->`,
//! `<-`, `C:`, `S:`) are skipped, so that conversations copied from documents work as well.

use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::RecordingError;
use super::line::{Line, ReplyLine};
use crate::json::{Object, Value};
use crate::schema::changes_state;

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, rename = "QMP")]
    greeting: Option<&'a RawValue>,
    execute: Option<String>,
    #[serde(rename = "exec-oob")]
    exec_oob: Option<String>,
    arguments: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(borrow, rename = "return")]
    success: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    event: Option<String>,
}

/// Whether the text is such a transcript: its first line is a wire message.
pub(crate) fn is_transcript(text: &str) -> bool {
    let first = text.lines().find(|line| !line.trim().is_empty());
    let wire = first.and_then(|line| serde_json::from_str::<Wire>(bare(line)).ok());
    wire.is_some_and(|wire| {
        wire.greeting.is_some()
            || wire.execute.is_some()
            || wire.exec_oob.is_some()
            || wire.event.is_some()
    })
}

/// The same session in the current format.
pub(crate) fn migrate(path: &Path, text: &str) -> Result<String, RecordingError> {
    let topic = path
        .file_stem()
        .map_or_else(|| "main".into(), |stem| stem.to_string_lossy());
    let mut out = Line::Header {
        topic: topic.into_owned(),
    }
    .to_text();
    let mut moment = 0;
    for (index, line) in text.lines().enumerate() {
        let line = bare(line);
        if line.is_empty() {
            continue;
        }
        let problem = |problem: String| RecordingError::line(path, index + 1, problem);
        let wire: Wire = serde_json::from_str(line).map_err(|error| problem(error.to_string()))?;
        if let Some(command) = wire.execute.as_deref().or(wire.exec_oob.as_deref()) {
            let arguments = wire.arguments.clone().unwrap_or_default();
            let members: Object = arguments
                .into_iter()
                .map(|(key, value)| (key, Value::from(value)))
                .collect();
            if changes_state(command, &members) {
                moment += 1;
                out.push_str(
                    &Line::Moment {
                        number: moment,
                        at: 0,
                    }
                    .to_text(),
                );
            }
            let name = if wire.execute.is_some() {
                "execute"
            } else {
                "exec-oob"
            };
            let mut request = serde_json::Map::new();
            request.insert(name.to_owned(), command.into());
            if let Some(arguments) = wire.arguments {
                request.insert("arguments".to_owned(), arguments.into());
            }
            out.push_str(
                &Line::Request {
                    text: serde_json::Value::from(request).to_string(),
                    at: 0,
                }
                .to_text(),
            );
        } else if let Some(greeting) = wire.greeting {
            out.push_str(
                &Line::Greeting {
                    text: greeting.get().to_owned(),
                    at: 0,
                }
                .to_text(),
            );
        } else if wire.event.is_some() {
            out.push_str(
                &Line::Event {
                    text: line.to_owned(),
                    at: 0,
                }
                .to_text(),
            );
        } else {
            let (name, value) = match (wire.success, wire.error) {
                (Some(success), None) => ("return", success),
                (None, Some(error)) => ("error", error),
                _ => {
                    return Err(problem(
                        "neither request, reply, event nor greeting".to_owned(),
                    ));
                }
            };
            let reply = ReplyLine::Text(format!("{{\"{name}\":{}}}", value.get()));
            out.push_str(
                &Line::Reply {
                    reply,
                    oob: false,
                    at: 0,
                }
                .to_text(),
            );
        }
    }
    Ok(out)
}

/// The line without blanks and marks around it.
fn bare(line: &str) -> &str {
    let line = line.trim();
    let marks = ["->", "<-", "C:", "S:", "> ", "< "];
    marks
        .iter()
        .find_map(|mark| line.strip_prefix(mark))
        .unwrap_or(line)
        .trim()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Topic;

    #[test]
    fn a_transcript_becomes_a_topic() {
        let text = r#"
<- {"QMP": {"version": {}, "capabilities": []}}
-> {"execute": "query-status", "id": 1}
<- {"return": {"status": "running"}, "id": 1}
-> {"execute": "stop"}
<- {"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 2}}
<- {"return": {}}
"#;
        assert!(is_transcript(text));
        let topic = Topic::parse(Path::new("t"), migrate(Path::new("t"), text).unwrap()).unwrap();
        assert_eq!(topic.entries().len(), 2);
        assert_eq!(topic.entries()[1].moment, 1);
        assert_eq!(
            topic.returned(&topic.entries()[0]),
            Some("{\"status\":\"running\"}")
        );
        assert_eq!(topic.events().len(), 1);
    }

    #[test]
    fn other_text_is_none() {
        assert!(!is_transcript("{\"format\":1}\n"));
        assert!(!is_transcript("hello"));
        assert!(migrate(Path::new("t"), "{}").is_err());
    }
}
