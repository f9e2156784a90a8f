// SPDX-License-Identifier: GPL-2.0-or-later
//! Reads other people's recordings: libvirt's `tests/qemucapabilitiesdata/*.replies`.
//!
//! Such a file is a list of pretty JSON values separated by blank lines, request then reply. It has
//! no greeting, mostly no `query-commands`, and sometimes holds two runs.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{Object, Value};
use crate::recording::{
    FORMAT, Line, MAIN_TOPIC, Machine, QemuVersion, RecordingError, RecordingWriter, ReplyLine,
    TopicWriter,
};
use crate::schema::{Schema, changes_state};

/// A request with its answer.
struct Exchange {
    command: String,
    arguments: Object,
    /// JSON text of the request without its id.
    request: String,
    /// JSON text of `{"return": ..}` or `{"error": ..}`.
    reply: String,
    /// JSON text of what it returned.
    returned: Option<String>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    execute: Option<String>,
    arguments: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(borrow, rename = "return")]
    success: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// Turns such a file into a recording below `output` and returns its folder. Its first run becomes
/// the main topic, further ones `run2` and so on.
pub fn libvirt(file: &Path, output: &Path) -> Result<PathBuf, RecordingError> {
    let text = std::fs::read_to_string(file).map_err(RecordingError::io(file))?;
    let exchanges = exchanges(file, &text)?;
    let machine = machine(file, &exchanges)?;
    let mut recording = RecordingWriter::create(output.join(machine.folder_name()), machine)?;
    let mut starts: Vec<usize> = exchanges
        .iter()
        .enumerate()
        .filter(|(_, one)| one.command == "qmp_capabilities")
        .map(|(index, _)| index)
        .collect();
    if starts.first() != Some(&0) {
        starts.insert(0, 0);
    }
    let ends = starts.iter().skip(1).copied().chain([exchanges.len()]);
    let schema = exchanges
        .iter()
        .find(|one| one.command == "query-qmp-schema")
        .and_then(|one| one.returned.clone());
    for (number, (&start, end)) in starts.iter().zip(ends).enumerate() {
        let name = if number == 0 {
            MAIN_TOPIC.to_owned()
        } else {
            format!("run{}", number + 1)
        };
        write_run(
            &mut recording,
            &name,
            &exchanges[start..end],
            schema.as_deref(),
        )?;
    }
    recording.finish()?;
    Ok(recording.folder().to_owned())
}

/// Takes the values of the file apart.
fn exchanges(file: &Path, text: &str) -> Result<Vec<Exchange>, RecordingError> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let mut exchanges: Vec<Exchange> = Vec::new();
    let mut waiting: Option<(String, Object, String)> = None;
    loop {
        let line = 1 + text[..values.byte_offset()].matches('\n').count();
        let problem = |problem: &str| RecordingError::line(file, line, problem);
        let Some(value) = values.next() else { break };
        let value = value.map_err(|error| problem(&error.to_string()))?;
        let wire: Wire =
            serde_json::from_str(value.get()).map_err(|error| problem(&error.to_string()))?;
        match (wire, waiting.take()) {
            (
                Wire {
                    execute: Some(command),
                    arguments,
                    ..
                },
                None,
            ) => {
                let mut request = serde_json::Map::new();
                request.insert("execute".to_owned(), command.clone().into());
                let members = arguments.clone().unwrap_or_default();
                if let Some(arguments) = arguments {
                    request.insert("arguments".to_owned(), arguments.into());
                }
                let members = members
                    .into_iter()
                    .map(|(key, value)| (key, Value::from(value)))
                    .collect();
                waiting = Some((
                    command,
                    members,
                    serde_json::Value::from(request).to_string(),
                ));
            }
            (
                Wire {
                    success: Some(success),
                    ..
                },
                Some((command, arguments, request)),
            ) => exchanges.push(Exchange {
                command,
                arguments,
                request,
                reply: format!("{{\"return\":{}}}", success.get()),
                returned: Some(success.get().to_owned()),
            }),
            (
                Wire {
                    error: Some(error), ..
                },
                Some((command, arguments, request)),
            ) => exchanges.push(Exchange {
                command,
                arguments,
                request,
                reply: format!("{{\"error\":{}}}", error.get()),
                returned: None,
            }),
            (_, Some(_)) => return Err(problem("a request follows a request")),
            (_, None) => return Err(problem("a reply follows no request")),
        }
    }
    if waiting.is_some() {
        return Err(RecordingError::line(
            file,
            text.lines().count(),
            "the last request has no reply",
        ));
    }
    Ok(exchanges)
}

/// Describes the machine: from what the file holds, else from its name,
/// `caps_VERSION_ARCH[+VARIANT].replies`.
fn machine(file: &Path, exchanges: &[Exchange]) -> Result<Machine, RecordingError> {
    let returned = |command: &str| -> Option<Value> {
        let text = exchanges
            .iter()
            .find(|one| one.command == command)?
            .returned
            .as_deref()?;
        serde_json::from_str::<serde_json::Value>(text)
            .ok()
            .map(Value::from)
    };
    let stem = file
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    let (stem, variant) = stem.split_once('+').unwrap_or((&stem, ""));
    let mut parts = stem.splitn(3, '_').skip(1);
    let named_version = parts.next().and_then(QemuVersion::parse);
    let named_arch = parts.next().unwrap_or_default().to_owned();
    let version = returned("query-version").and_then(|version| QemuVersion::from_json(&version));
    let target = returned("query-target");
    let arch = target.and_then(|target| target.get("arch")?.as_str().map(str::to_owned));
    let Some(qemu) = version.or(named_version) else {
        let problem = "neither query-version nor the file's name says the version".to_owned();
        return Err(RecordingError::Machine {
            path: file.to_owned(),
            problem,
        });
    };
    Ok(Machine {
        format: FORMAT,
        arch: arch.unwrap_or(named_arch),
        machine: "none".to_owned(),
        variant: variant.to_owned(),
        // This is how libvirt probes.
        arguments: [
            "-S",
            "-no-user-config",
            "-nodefaults",
            "-nographic",
            "-machine",
            "none",
        ]
        .map(str::to_owned)
        .into(),
        schema: String::new(),
        topics: Vec::new(),
        ignore: Vec::new(),
        qemu,
    })
}

fn write_run(
    recording: &mut RecordingWriter,
    name: &str,
    exchanges: &[Exchange],
    schema: Option<&str>,
) -> Result<(), RecordingError> {
    let mut topic = recording.topic(name)?;
    topic.line(&Line::Note {
        text: "imported from libvirt's replies; it holds no times".to_owned(),
    })?;
    let version = recording.machine().qemu.to_json();
    let greeting = serde_json::json!({"version": version, "capabilities": ["oob"]});
    topic.line(&Line::Greeting {
        text: greeting.to_string(),
        at: 0,
    })?;
    let mut moment = 0;
    for one in exchanges {
        if changes_state(&one.command, &one.arguments) {
            moment += 1;
            topic.line(&Line::Moment {
                number: moment,
                at: 0,
            })?;
        }
        topic.line(&Line::Request {
            text: one.request.clone(),
            at: 0,
        })?;
        match &one.returned {
            Some(schema) if one.command == "query-qmp-schema" => {
                topic.schema_reply(recording, schema, 0)?;
            }
            _ => topic.line(&Line::Reply {
                reply: ReplyLine::Text(one.reply.clone()),
                oob: false,
                at: 0,
            })?,
        }
    }
    let asked = |command: &str| exchanges.iter().any(|one| one.command == command);
    if let Some(schema) = schema {
        if !asked("query-qmp-schema") {
            topic.line(&Line::Request {
                text: "{\"execute\":\"query-qmp-schema\"}".to_owned(),
                at: 0,
            })?;
            topic.schema_reply(recording, schema, 0)?;
        }
        if !asked("query-commands") {
            write_commands(&mut topic, recording.folder(), schema)?;
        }
    }
    topic.finish()
}

/// Adds the command list that the schema holds.
fn write_commands(
    topic: &mut TopicWriter,
    folder: &Path,
    schema: &str,
) -> Result<(), RecordingError> {
    let parsed = Schema::parse(schema).map_err(|error| RecordingError::Schema {
        path: folder.to_owned(),
        problem: error.to_string(),
    })?;
    let commands: Vec<_> = parsed
        .commands()
        .into_iter()
        .map(|name| serde_json::json!({"name": name}))
        .collect();
    topic.line(&Line::Note {
        text: "the command list is derived from the schema".to_owned(),
    })?;
    topic.line(&Line::Request {
        text: "{\"execute\":\"query-commands\"}".to_owned(),
        at: 0,
    })?;
    let reply = ReplyLine::Text(serde_json::json!({"return": commands}).to_string());
    topic.line(&Line::Reply {
        reply,
        oob: false,
        at: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Recording;

    const TWO_RUNS: &str = r#"{
  "execute": "qmp_capabilities",
  "id": "libvirt-1"
}

{
  "return": {},
  "id": "libvirt-1"
}

{
  "execute": "query-version",
  "id": "libvirt-2"
}

{
  "return": {
    "qemu": {
      "micro": 50,
      "minor": 2,
      "major": 9
    },
    "package": "v9.2.0-1203"
  },
  "id": "libvirt-2"
}

{
  "execute": "query-target",
  "id": "libvirt-3"
}

{
  "return": {
    "arch": "s390x"
  },
  "id": "libvirt-3"
}

{
  "execute": "query-qmp-schema",
  "id": "libvirt-4"
}

{
  "return": [
    {
      "name": "query-kvm",
      "ret-type": "1",
      "meta-type": "command",
      "arg-type": "0"
    }
  ],
  "id": "libvirt-4"
}

{
  "execute": "qmp_capabilities",
  "id": "libvirt-1"
}

{
  "return": {},
  "id": "libvirt-1"
}

{
  "execute": "device-list-properties",
  "arguments": {
    "typename": "nothing"
  },
  "id": "libvirt-2"
}

{
  "id": "libvirt-2",
  "error": {
    "class": "DeviceNotFound",
    "desc": "Device 'nothing' not found"
  }
}
"#;

    fn import(name: &str, text: &str) -> Result<(tempfile::TempDir, PathBuf), RecordingError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        let imported = libvirt(&file, &folder.path().join("recordings"))?;
        Ok((folder, imported))
    }

    #[test]
    fn two_runs_become_two_topics() {
        let (_folder, imported) = import("caps_10.0.0_s390x+hvf.replies", TWO_RUNS).unwrap();
        assert!(
            imported.ends_with("9.2.50-s390x-none+hvf"),
            "{}",
            imported.display()
        );
        assert_eq!(Recording::topics(&imported).unwrap(), ["main", "run2"]);
        let main = Recording::load(&imported).unwrap();
        assert!(main.topic().greeting().unwrap().contains("\"micro\":50"));
        let list = main
            .topic()
            .entries()
            .iter()
            .find(|entry| entry.command == "query-commands")
            .unwrap();
        assert_eq!(
            main.topic().returned(list),
            Some("[{\"name\":\"query-kvm\"}]")
        );
        let second = Recording::load(imported.join("run2.qmp")).unwrap();
        assert!(second.schema().is_some());
        let error = second.topic().error(&second.topic().entries()[1]).unwrap();
        assert!(error.contains("Device 'nothing' not found"), "{error}");
    }

    #[test]
    fn broken_files_name_the_place() {
        let error = import("caps_1.0.0_x.replies", "{\"return\": {}}")
            .unwrap_err()
            .to_string();
        assert!(
            error.ends_with("caps_1.0.0_x.replies:1: a reply follows no request"),
            "{error}"
        );
        let error = import(
            "caps_1.0.0_x.replies",
            "{\"execute\": \"a\"}\n\n{\"execute\": \"b\"}",
        )
        .unwrap_err()
        .to_string();
        assert!(error.contains("a request follows a request"), "{error}");
        let error = import("caps_1.0.0_x.replies", "{\"execute\": \"a\"}")
            .unwrap_err()
            .to_string();
        assert!(error.contains("has no reply"), "{error}");
        assert!(import("caps_1.0.0_x.replies", "{").is_err());
        let error = import("x.replies", "").unwrap_err().to_string();
        assert!(error.contains("says the version"), "{error}");
    }
}
