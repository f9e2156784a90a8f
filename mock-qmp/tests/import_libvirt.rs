// SPDX-License-Identifier: GPL-2.0-or-later
//! Imports libvirt's own recordings: the folder that `HMP_TEST_REPLIES` names holds
//! `caps_*.replies` files.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use mock_qmp::{MockQmp, Mode, Recording, import, recording};
use serde_json::{Value, json};

/// Asks everything that a topic holds, in strict mode, and compares the answers. Returns how many.
fn replay(file: &Path) -> usize {
    let recording = Recording::load(file).unwrap();
    let topic = recording.topic().clone();
    let schema = recording.schema().map(str::to_owned);
    let (server, client) = MockQmp::from_recording(recording)
        .mode(Mode::Strict)
        .serve_pair()
        .unwrap();
    let mut client = BufReader::new(client);
    let read = |client: &mut BufReader<std::os::unix::net::UnixStream>| -> Value {
        let mut line = String::new();
        client.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    };
    read(&mut client);
    let mut negotiated = false;
    for entry in topic.entries() {
        let is_negotiation = entry.command == "qmp_capabilities";
        if !negotiated && !is_negotiation {
            client
                .get_mut()
                .write_all(b"{\"execute\":\"qmp_capabilities\"}")
                .unwrap();
            read(&mut client);
        }
        negotiated = true;
        let arguments = Value::from(&mock_qmp::json::Value::Object(entry.arguments.clone()));
        let request = json!({"execute": entry.command, "arguments": arguments}).to_string();
        client.get_mut().write_all(request.as_bytes()).unwrap();
        let mut reply = read(&mut client);
        let expected = match (topic.returned(entry), topic.error(entry)) {
            (Some(text), _) => json!({"return": serde_json::from_str::<Value>(text).unwrap()}),
            (None, Some(text)) => json!({"error": serde_json::from_str::<Value>(text).unwrap()}),
            // The schema is kept apart.
            (None, None) => {
                json!({"return": serde_json::from_str::<Value>(schema.as_deref().unwrap()).unwrap()})
            }
        };
        assert_eq!(
            reply.take(),
            expected,
            "{}:{}: {}",
            file.display(),
            entry.line,
            entry.command
        );
    }
    server
        .finish()
        .unwrap_or_else(|left| panic!("{}: {left}", file.display()));
    topic.entries().len()
}

#[test]
fn real_files_import_and_pass_the_check() {
    let Some(folder) = std::env::var_os("HMP_TEST_REPLIES").map(PathBuf::from) else {
        eprintln!("skipped: no libvirt recordings (HMP_TEST_REPLIES names their folder)");
        return;
    };
    let output = tempfile::tempdir().unwrap();
    let (mut imported, mut replayed) = (0, 0);
    for file in std::fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().path())
    {
        if file
            .extension()
            .is_none_or(|extension| extension != "replies")
        {
            continue;
        }
        let folder = import::libvirt(&file, output.path()).unwrap();
        assert_eq!(
            recording::check(&folder).unwrap(),
            Vec::<String>::new(),
            "{}",
            file.display()
        );
        for topic in Recording::topics(&folder).unwrap() {
            replayed += replay(&folder.join(format!("{topic}.qmp")));
        }
        let main = Recording::load(&folder).unwrap();
        let commands: Vec<&str> = main
            .topic()
            .entries()
            .iter()
            .map(|entry| entry.command.as_str())
            .collect();
        for command in ["query-version", "query-commands", "query-qmp-schema"] {
            assert!(
                commands.contains(&command),
                "{}: no {command}",
                file.display()
            );
        }
        imported += 1;
    }
    eprintln!("{imported} files, {replayed} replies, all equal");
    assert!(imported > 0, "no .replies files in {}", folder.display());
}
