// SPDX-License-Identifier: GPL-2.0-or-later
//! Builds the engine with all changes in it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use super::cargo::cargo;
use super::edits::Instrumented;
use crate::error::Error;

/// The module that knows which change is on.
const SWITCH: &str = include_str!("switch.rs");

/// A change of one file.
pub trait Change {
    /// The file, seen from the workspace's root.
    fn file(&self) -> &str;

    /// Writes changes into the text of their file, each with its number.
    fn write(text: &str, changes: &[(usize, &Self)]) -> Result<Instrumented, Error>;
}

/// What was built.
pub struct Built {
    /// The changes that are in it, by number.
    pub numbers: Vec<usize>,
    /// Those that do not build, with what the compiler says of them.
    pub broken: BTreeMap<usize, String>,
}

/// Writes all `changes` into the engine below `tree` and takes out those that do not build.
pub fn all<C: Change>(tree: &Path, changes: &[C]) -> Result<Built, Error> {
    let library = tree.join("monitor/engine/src/lib.rs");
    let root = fs::read_to_string(&library)?;
    fs::write(
        &library,
        format!("{root}\n#[allow(missing_docs)]\npub mod mutants;\n"),
    )?;
    let count = changes.len();
    let switch = SWITCH.replace(
        "const COUNT: usize = 1;",
        &format!("const COUNT: usize = {count};"),
    );
    fs::write(tree.join("monitor/engine/src/mutants.rs"), switch)?;

    let mut files: BTreeMap<&str, String> = BTreeMap::new();
    for change in changes {
        let file = change.file();
        files.insert(file, fs::read_to_string(tree.join(file))?);
    }
    let mut broken = BTreeMap::new();
    loop {
        let mut ranges = HashMap::new();
        let mut built = Vec::new();
        for (file, text) in &files {
            let of_file = changes.iter().enumerate();
            let of_file: Vec<_> = of_file
                .filter(|(n, c)| c.file() == *file && !broken.contains_key(n))
                .collect();
            let Instrumented {
                text,
                ranges: of_file,
                numbers,
            } = C::write(text, &of_file)?;
            fs::write(tree.join(file), text)?;
            ranges.insert((*file).to_owned(), of_file);
            built.extend(numbers);
        }
        let found = errors(tree, &ranges)?;
        if found.is_empty() {
            let numbers = built;
            return Ok(Built { numbers, broken });
        }
        broken.extend(found);
    }
}

/// The changes in which the compiler finds mistakes; an error is one that no change explains.
fn errors(
    tree: &Path,
    ranges: &HashMap<String, Vec<(Range<usize>, usize)>>,
) -> Result<BTreeMap<usize, String>, Error> {
    let output = cargo(tree)
        .args([
            "check",
            "--quiet",
            "--package",
            "hmp-engine",
            "--lib",
            "--message-format=json",
        ])
        .env("RUSTFLAGS", "--cap-lints allow")
        .stderr(Stdio::null())
        .output()?;
    let mut found = BTreeMap::new();
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
        found.extend(blamed.into_iter().map(|number| (number, text.to_owned())));
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
