// SPDX-License-Identifier: GPL-2.0-or-later
//! Builds the engine with all changes in it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::instrument::{Instrumented, Mutant, instrument};
use crate::error::Error;

/// The module that knows which change is on.
const SWITCH: &str = include_str!("switch.rs");

/// Writes all `mutants` into the engine below `tree` and takes out those that do not build. Returns
/// the others' numbers.
pub fn all(tree: &Path, mutants: &[Mutant]) -> Result<Vec<usize>, Error> {
    let library = tree.join("monitor/engine/src/lib.rs");
    let root = fs::read_to_string(&library)?;
    fs::write(
        &library,
        format!("{root}\n#[allow(missing_docs)]\npub mod mutants;\n"),
    )?;
    let count = mutants.len();
    let switch = SWITCH.replace(
        "const COUNT: usize = 1;",
        &format!("const COUNT: usize = {count};"),
    );
    fs::write(tree.join("monitor/engine/src/mutants.rs"), switch)?;

    let mut files: BTreeMap<&str, String> = BTreeMap::new();
    for mutant in mutants {
        files.insert(&mutant.file, fs::read_to_string(tree.join(&mutant.file))?);
    }
    let mut broken = BTreeSet::new();
    loop {
        let mut ranges = HashMap::new();
        let mut built = Vec::new();
        for (file, text) in &files {
            let of_file = mutants.iter().enumerate();
            let of_file: Vec<_> = of_file
                .filter(|(n, m)| m.file == **file && !broken.contains(n))
                .collect();
            let Instrumented {
                text,
                ranges: of_file,
                numbers,
            } = instrument(text, &of_file)?;
            fs::write(tree.join(file), text)?;
            ranges.insert((*file).to_owned(), of_file);
            built.extend(numbers);
        }
        let found = errors(tree, &ranges)?;
        if found.is_empty() {
            return Ok(built);
        }
        broken.extend(found);
    }
}

/// The changes in which the compiler finds mistakes; an error is one that no change explains.
fn errors(
    tree: &Path,
    ranges: &HashMap<String, Vec<(Range<usize>, usize)>>,
) -> Result<BTreeSet<usize>, Error> {
    let output = Command::new("cargo")
        .args([
            "check",
            "--quiet",
            "--package",
            "hmp-engine",
            "--lib",
            "--message-format=json",
        ])
        .env("RUSTFLAGS", "--cap-lints allow")
        .current_dir(tree)
        .stderr(Stdio::null())
        .output()?;
    let mut found = BTreeSet::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message = &serde_json::from_str::<Value>(line)?["message"];
        if message["level"] != "error" {
            continue;
        }
        let spans = message["spans"].as_array().into_iter().flatten();
        let blamed: BTreeSet<usize> = spans.filter_map(|span| blame(span, ranges)).collect();
        let text = message["rendered"].as_str().unwrap_or_default();
        if blamed.is_empty() && !text.starts_with("error: aborting") {
            return Err(format!("no change explains this: {text}").into());
        }
        found.extend(blamed);
    }
    if found.is_empty() && !output.status.success() {
        return Err("cargo check fails, and says nothing".into());
    }
    Ok(found)
}

/// The change in whose text an error lies: the innermost one.
fn blame(span: &Value, ranges: &HashMap<String, Vec<(Range<usize>, usize)>>) -> Option<usize> {
    let at = |name: &str| usize::try_from(span[name].as_u64()?).ok();
    let (start, end) = (at("byte_start")?, at("byte_end")?);
    let of_file = ranges.get(span["file_name"].as_str()?)?;
    let around = of_file
        .iter()
        .filter(|(range, _)| range.start <= start && end <= range.end);
    around
        .min_by_key(|(range, _)| range.len())
        .map(|(_, number)| *number)
}
