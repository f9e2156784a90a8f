// SPDX-License-Identifier: GPL-2.0-or-later
//! What there is to serve.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use mock_qmp::Recording;
use mock_qmp::recording::shelves;

/// Most topics of a folder that are named.
const TOPICS_SHOWN: usize = 8;

pub fn list() -> ExitCode {
    let shelves = shelves();
    let mut seen = BTreeSet::new();
    for shelf in &shelves {
        let Ok(entries) = std::fs::read_dir(shelf) else {
            continue;
        };
        let mut folders: Vec<_> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        folders.sort();
        for folder in folders
            .iter()
            .filter(|folder| folder.join("machine.toml").exists())
        {
            let name = folder.file_name().map(|name| name.to_string_lossy());
            if let Some(name) = name.filter(|name| seen.insert(name.to_string())) {
                println!("{name:<32} {}", describe(folder));
            }
        }
    }
    if seen.is_empty() {
        eprintln!("mock-qmp: there is no recording here; MOCK_QMP_RECORDINGS may name a folder");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// What a machine is, in a line.
fn describe(folder: &Path) -> String {
    match (Recording::load_machine(folder), Recording::topics(folder)) {
        (Ok(recording), Ok(topics)) => {
            let entries = recording.topic().entries();
            let commands: BTreeSet<_> = entries.iter().map(|entry| &entry.command).collect();
            let listed = recording
                .machine()
                .map_or(&[][..], |machine| &machine.topics);
            let played = match listed {
                [] => String::new(),
                listed => format!(", one machine of {}", listed.join(", ")),
            };
            format!(
                "QEMU {}: {} commands, {} topics{played}",
                recording.version(),
                commands.len(),
                topics.len()
            )
        }
        // Some folders only have topics that are named.
        (Err(_), Ok(topics)) => {
            let some = topics.iter().take(TOPICS_SHOWN).cloned();
            let some: Vec<String> = some.collect();
            let more = if topics.len() > TOPICS_SHOWN {
                ", ..."
            } else {
                ""
            };
            format!(
                "{} topics, each served by its file: {}{more}",
                topics.len(),
                some.join(", ")
            )
        }
        (_, Err(error)) => error.to_string(),
    }
}
