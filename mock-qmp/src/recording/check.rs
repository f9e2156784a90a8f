// SPDX-License-Identifier: GPL-2.0-or-later
//! What is wrong with a recording, beyond what keeps it from being read.

use std::path::Path;

use super::error::RecordingError;
use super::load::Recording;
use super::machine::Machine;
use super::schema_store::schema_hash;
use super::topic::ReplyBody;
use crate::schema::Schema;

/// Checks a folder with all its topics, or one file, and lists what is wrong as `FILE:LINE:
/// PROBLEM`. What keeps a file from being read is listed too.
pub fn check(path: impl AsRef<Path>) -> Result<Vec<String>, RecordingError> {
    let path = path.as_ref();
    if !path.is_dir() {
        return Ok(one(path));
    }
    let topics = Recording::topics(path)?;
    if topics.is_empty() {
        return Ok(vec![format!("{}: there is no topic in it", path.display())]);
    }
    let description = path.join("machine.toml");
    let listed = Machine::load(&description).map_or_else(|_| Vec::new(), |machine| machine.topics);
    let missing = listed.iter().filter(|name| !topics.contains(name));
    let missing =
        missing.map(|name| format!("{}: there is no topic {name}", description.display()));
    let found = topics
        .iter()
        .flat_map(|topic| one(&path.join(format!("{topic}.qmp"))));
    Ok(missing.chain(found).collect())
}

fn one(path: &Path) -> Vec<String> {
    match Recording::load(path) {
        Ok(recording) => problems(&recording),
        Err(error) => vec![error.to_string()],
    }
}

fn problems(recording: &Recording) -> Vec<String> {
    let topic = recording.topic();
    let file = topic.path().display().to_string();
    let mut problems = Vec::new();
    let mut say = |line: usize, text: &str| problems.push(format!("{file}:{line}: {text}"));
    let schema = recording.schema().map(Schema::parse);
    if let Some(Err(error)) = &schema {
        say(1, &error.to_string());
    }
    let named = recording
        .machine()
        .map(|machine| machine.schema.as_str())
        .filter(|hash| !hash.is_empty());
    match (named, recording.schema()) {
        (Some(hash), None) => say(1, &format!("there is no schema {hash}")),
        (Some(hash), Some(text)) if schema_hash(text) != hash => {
            say(
                1,
                &format!("the schema's hash is {}, not {hash}", schema_hash(text)),
            );
        }
        _ => {}
    }
    let schema = schema.and_then(Result::ok);
    let release = recording.version().release();
    if topic.entries().is_empty() {
        say(1, "no request is recorded");
    }
    let mut last = 0;
    for entry in topic.entries() {
        if entry.at < last {
            say(entry.line, "the time goes backwards");
        }
        last = entry.at;
        let Some(reply) = &entry.reply else {
            // The last request may have ended QEMU.
            if topic.closed.is_none() {
                say(entry.line, &format!("{} is never answered", entry.command));
            }
            continue;
        };
        if reply.at < entry.at {
            say(reply.line, "the reply comes before its request");
        }
        if matches!(reply.body, ReplyBody::Schema) && recording.schema().is_none() {
            say(reply.line, "the schema that this refers to is missing");
        }
        let succeeded = topic.error(entry).is_none();
        if let Some(schema) = schema.as_ref().filter(|_| succeeded) {
            if schema.command(&entry.command).is_none() && entry.command != "qmp_capabilities" {
                say(
                    entry.line,
                    &format!("the schema knows no {}", entry.command),
                );
            } else if let Err(failure) = schema.check(&entry.command, &entry.arguments, release) {
                say(
                    entry.line,
                    &format!("the schema refuses what QEMU took: {}", failure.desc),
                );
            }
        }
    }
    let moments = topic.moments.last().map_or(0, |(number, ..)| *number);
    let beyond = recording
        .builtin()
        .iter()
        .filter(|line| line.moment > moments);
    problems.extend(beyond.map(|line| {
        let hmp = topic.path().with_extension("hmp");
        format!(
            "{}: '{}' is of moment {}, the session ends with {moments}",
            hmp.display(),
            line.line,
            line.moment
        )
    }));
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_found() {
        let text = r#"{"format":1}
{"request":{"execute":"a","arguments":{"x":"1"}},"at":5}
{"reply":{"return":{}},"at":4}
{"request":{"execute":"b"},"at":3}
{"reply":{"return":{}},"at":3}
{"request":{"execute":"a","arguments":{"x":1}},"at":6}
"#;
        let schema = r#"[{"name":"a","meta-type":"command","arg-type":"1"},
            {"name":"1","meta-type":"object","members":[{"name":"x","type":"int"}]},
            {"name":"int","meta-type":"builtin","json-type":"int"}]"#;
        let found = problems(&Recording::from_text("t.qmp", text, Some(schema)).unwrap());
        let expected = [
            "t.qmp:3: the reply comes before its request",
            "t.qmp:2: the schema refuses what QEMU took: Invalid parameter type for 'x', expected: integer",
            "t.qmp:4: the time goes backwards",
            "t.qmp:4: the schema knows no b",
            "t.qmp:6: a is never answered",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn listed_topics_must_be_there() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.qmp"), "{\"format\":1}\n").unwrap();
        let machine = Machine {
            topics: vec!["a".to_owned(), "b".to_owned()],
            ..Machine::example()
        };
        std::fs::write(folder.path().join("machine.toml"), machine.to_text()).unwrap();
        let found = check(folder.path()).unwrap();
        assert!(
            found.len() == 2
                && found[0].ends_with("machine.toml: there is no topic b")
                && found[1].ends_with("a.qmp:1: no request is recorded"),
            "{found:?}"
        );
    }

    #[test]
    fn unreadable_files_are_a_problem() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.qmp"), "{\"format\":1}\nfoo\n").unwrap();
        let found = check(folder.path()).unwrap();
        assert!(
            found.len() == 1 && found[0].contains("x.qmp:2: "),
            "{found:?}"
        );
        assert!(check(tempfile::tempdir().unwrap().path()).unwrap()[0].contains("no topic"));
    }
}
