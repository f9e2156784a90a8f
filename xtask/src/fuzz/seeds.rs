// SPDX-License-Identifier: GPL-2.0-or-later
//! The seeds of each target, from the recordings beside the sources: none is committed. Where QEMU's
//! sources and libvirt's recordings are at hand (`HMP_TEST_QEMU_TREES`, `HMP_TEST_REPLIES`), from
//! those too.

use std::collections::BTreeSet;
use std::path::Path;

use hmp_engine::command::row::Command;
use hmp_engine::guest::stream;
use hmp_engine::table::{INFO, MAIN};
use serde_json::Value;

use super::TARGETS;
use super::recorded::Recorded;
use crate::error::Error;

/// So many seeds of a target, chosen evenly.
const MOST: usize = 300;

/// The release byte of a seed: of the fourth of five releases, with nothing permitted.
const RELEASE: u8 = 3;

/// Scripts of the mock: each kind of member once.
const SCRIPTS: &[&str] = &[
    "version = \"10.0.2\"\ncheck = true\n",
    "machine = \"10.0-x86_64-q35\"\nrepeat = true\n[[rule]]\ncommand = \"query-status\"\nreturn = { running = true }\n",
    "[[rule]]\ncommand = \"*\"\narguments = { id = \"${name}\" }\nerror = \"no ${name}\"\ntimes = 2\n",
    "[[rule]]\ncommand = \"stop\"\nafter_ms = 5\n[[rule.events]]\nevent = \"STOP\"\ndata = { a = [1, 2.5, \"x\"] }\n\
     [[rule]]\ncommand = \"cont\"\nerror = { class = \"DeviceNotFound\", desc = \"d\" }\n",
];

/// Writes the seeds of all targets to folders below `folder`; returns how many each has.
pub fn write(folder: &Path) -> Result<Vec<(&'static str, usize)>, Error> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let recordings = root.join("recordings");
    let mut recorded = Recorded::read(&recordings)?;
    recorded.steps(&root.join("monitor/hmp/tests/engine/states"))?;
    let mut counts = Vec::new();
    for &target in TARGETS {
        let seeds = evenly(of(target, &recorded)?);
        let place = folder.join(target);
        let _ = std::fs::remove_dir_all(&place);
        std::fs::create_dir_all(&place)?;
        for (number, seed) in seeds.iter().enumerate() {
            std::fs::write(place.join(format!("{number:04}")), seed)?;
        }
        counts.push((target, seeds.len()));
    }
    Ok(counts)
}

/// Different ones, as many as are wanted.
fn evenly(seeds: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let all: BTreeSet<_> = seeds.into_iter().filter(|seed| !seed.is_empty()).collect();
    let step = all.len().div_ceil(MOST).max(1);
    all.into_iter().step_by(step).collect()
}

fn of(target: &str, recorded: &Recorded) -> Result<Vec<Vec<u8>>, Error> {
    Ok(match target {
        "device_state" => device_state(recorded),
        "dumps" => written(recorded, b"\x7fELF"),
        "engine" => engine(recorded),
        "expressions" => after_first(recorded, |text| with(0, text)),
        "frames" => frames(recorded),
        "hx" => hx()?,
        "libvirt" => libvirt(recorded)?,
        "lines" => lines(recorded),
        "options" => after_first(recorded, |text| with(RELEASE, text)),
        "recordings" => recorded
            .topics
            .iter()
            .map(|text| head(text, 6000))
            .collect(),
        "scripts" => SCRIPTS.iter().map(|text| (*text).into()).collect(),
        "terminal" => terminal(recorded),
        other => return Err(format!("no seeds for {other}").into()),
    })
}

fn with(first: u8, text: &str) -> Vec<u8> {
    [&[first], text.as_bytes()].concat()
}

/// The first lines of a text.
fn head(text: &str, most: usize) -> Vec<u8> {
    let mut taken = String::new();
    for line in text.split_inclusive('\n') {
        // A long answer goes, and the lines behind it stay.
        if line.len() < 2000 && taken.len() + line.len() <= most {
            taken.push_str(line);
        }
    }
    taken.into_bytes()
}

/// The state of all devices, and that of each CPU alone behind its version.
fn device_state(recorded: &Recorded) -> Vec<Vec<u8>> {
    let mut seeds = written(recorded, b"QEVM");
    for file in seeds.clone() {
        for section in stream::sections(&file).unwrap_or_default() {
            if section.name.starts_with("cpu") {
                let version = u8::try_from(section.version).unwrap_or_default();
                seeds.push([&[version], section.body].concat());
            }
        }
    }
    seeds
}

/// Files that QEMU wrote, by how they begin.
fn written(recorded: &Recorded, start: &[u8]) -> Vec<Vec<u8>> {
    let files = recorded.files.iter();
    files
        .filter(|file| file.starts_with(start))
        .cloned()
        .collect()
}

/// What stands behind a line's first word.
fn after_first(recorded: &Recorded, seed: impl Fn(&str) -> Vec<u8>) -> Vec<Vec<u8>> {
    let rests = recorded
        .lines
        .iter()
        .filter_map(|(line, _)| line.split_once(' '));
    rests.map(|(_, rest)| seed(rest)).collect()
}

/// Messages as they were sent, a few at a time.
fn frames(recorded: &Recorded) -> Vec<Vec<u8>> {
    let replies: Vec<&str> = recorded
        .answers
        .values()
        .map(|(_, reply)| &**reply)
        .collect();
    let mut seeds = Vec::new();
    for (number, few) in replies.chunks(3).enumerate() {
        let stream = few.join("\r\n") + "\r\n";
        seeds.push(with(u8::try_from(number % 256).unwrap_or(0), &stream));
    }
    seeds
}

/// Rows with their numbers, as the target counts them.
fn rows() -> impl Iterator<Item = (u8, String, &'static Command)> {
    let all = MAIN.len() + INFO.len();
    let main = MAIN.iter().map(|row| ("", row));
    let info = INFO.iter().map(|row| ("info ", row));
    main.chain(info)
        .enumerate()
        .map(move |(number, (table, row))| {
            let byte = u8::try_from((number * 256).div_ceil(all)).unwrap_or(u8::MAX);
            let name = row.names().next().unwrap_or_default();
            (byte, format!("{table}{name}"), row)
        })
}

/// The lines of each command, behind its number.
fn lines(recorded: &Recorded) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (byte, name, _) in rows() {
        let rests = recorded.lines.iter();
        let rests = rests.filter_map(|(line, _)| line.strip_prefix(&name)?.strip_prefix(' '));
        let rests: BTreeSet<_> = rests.collect();
        let few = rests.into_iter().take(3).chain(["1"]);
        seeds.extend(few.map(|rest| [&[byte, RELEASE], rest.as_bytes()].concat()));
    }
    seeds
}

/// A line of each command with recorded answers to what it needs.
fn engine(recorded: &Recorded) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (_, name, row) in rows() {
        let typed = recorded.lines.iter().map(|(line, _)| line);
        let typed = typed.filter(|line| {
            line.strip_prefix(&name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        });
        let typed: BTreeSet<_> = typed.collect();
        let mut answers = String::new();
        for need in row.routes.iter().flat_map(|route| route.needs()) {
            if let Some((_, reply)) = recorded.answers.get(*need)
                && let Ok(reply) = serde_json::from_str::<Value>(reply)
            {
                answers.push('\n');
                answers.push_str(&reply["return"].to_string());
            }
        }
        for line in typed.into_iter().take(2).chain([&name]) {
            seeds.push(with(RELEASE, &format!("{line}{answers}")));
        }
    }
    seeds
}

/// QEMU's tables where they are at hand, else ours, without a sentence of help.
fn hx() -> Result<Vec<Vec<u8>>, Error> {
    let mut seeds = Vec::new();
    for tree in std::env::var_os("HMP_TEST_QEMU_TREES")
        .iter()
        .flat_map(std::env::split_paths)
    {
        for name in ["hmp-commands.hx", "hmp-commands-info.hx"] {
            let text = std::fs::read_to_string(tree.join(name))?;
            seeds.extend(text.split("\nSRST").map(|part| part.as_bytes().to_vec()));
        }
    }
    for (_, name, row) in rows() {
        let entry = format!(
            "#if defined(CONFIG_X)\n    {{\n        .name       = \"{name}\",\n        .args_type  = \"{}\",\n        \
             .params     = \"{}\",\n        .help       = \"\",\n        .cmd        = hmp_x,\n        .flags = \"p\",\n    }},\n\
             #endif\n\nSRST\n``{name}``\n  x\nERST\n",
            row.args, row.params
        );
        seeds.push(entry.into_bytes());
    }
    Ok(seeds)
}

/// Such files begin with the negotiation; libvirt's own are cut behind a few exchanges.
fn libvirt(recorded: &Recorded) -> Result<Vec<Vec<u8>>, Error> {
    let start = "{\n  \"execute\": \"qmp_capabilities\",\n  \"id\": \"libvirt-1\"\n}\n\n{\n  \"return\": {},\n  \"id\": \"libvirt-1\"\n}\n\n";
    let version = "{\"execute\": \"query-version\"}\n\n{\"return\": {\"qemu\": {\"major\": 9, \"minor\": 0, \"micro\": 1}, \"package\": \"\"}}\n\n";
    let target = "{\"execute\": \"query-target\"}\n\n{\"return\": {\"arch\": \"x86_64\"}}\n\n";
    let mut seeds = Vec::new();
    let answers: Vec<_> = recorded.answers.values().collect();
    for few in answers.chunks(2) {
        let exchanges: String = few
            .iter()
            .map(|(request, reply)| format!("{request}\n\n{reply}\n\n"))
            .collect();
        seeds.push(format!("{start}{version}{target}{exchanges}").into_bytes());
    }
    if let Some(folder) = std::env::var_os("HMP_TEST_REPLIES") {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|ext| ext == "replies") {
                let text = std::fs::read_to_string(path)?;
                let exchanges: Vec<_> = text
                    .split("\n\n")
                    .filter(|value| value.len() < 3000)
                    .collect();
                seeds.extend(exchanges.chunks(8).map(|few| few.join("\n\n").into_bytes()));
            }
        }
    }
    Ok(seeds)
}

/// Answers, and what steers terminals, between them.
fn terminal(recorded: &Recorded) -> Vec<Vec<u8>> {
    let steers = [
        "\x1b[H\x1b[2J\x1b[3J",
        "\x1b]0;X\x07",
        "\x1b[200~a\tb\x1b[201~",
        "\u{202e}\u{9b}31m",
        "\x16\x1b\r\n\0",
    ];
    let answers = recorded.lines.iter().map(|(_, answer)| answer);
    let short = answers.filter(|answer| answer.len() < 300);
    let mixed = short
        .enumerate()
        .map(|(number, answer)| format!("{answer}{}{answer}", steers[number % steers.len()]));
    mixed.map(|text| with(2, &text)).collect()
}
