// SPDX-License-Identifier: GPL-2.0-or-later
//! What the recordings hold that seeds are made of.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::error::Error;

/// No file that QEMU wrote becomes a seed of more bytes.
const LONGEST: usize = 256 << 10;

/// All of it.
#[derive(Debug, Default)]
pub struct Recorded {
    /// Topics as text.
    pub topics: Vec<String>,
    /// Lines with the built-in's answers.
    pub lines: Vec<(String, String)>,
    /// The longest answer of no more than 4,000 bytes to each command, and its request.
    pub answers: BTreeMap<String, (Value, String)>,
    /// Files that QEMU wrote.
    pub files: Vec<Vec<u8>>,
}

impl Recorded {
    /// Adds what QEMU wrote in the tests' recorded steps: files of JSON, in which the content of a
    /// file is text, two hexadecimal digits a byte and `z7;` for seven zeros.
    pub fn steps(&mut self, folder: &Path) -> Result<(), Error> {
        for path in sorted(folder)? {
            let file = std::fs::read_to_string(path)?;
            self.wrote(&serde_json::from_str(&file)?);
        }
        Ok(())
    }

    fn wrote(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.wrote(item)),
            Value::Object(members) => {
                let text = members.get("wrote").and_then(Value::as_str);
                self.files.extend(text.and_then(unpacked));
                members.values().for_each(|member| self.wrote(member));
            }
            _ => {}
        }
    }

    /// Reads the recordings below a folder.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let mut recorded = Self::default();
        for machine in sorted(folder)?.into_iter().filter(|path| path.is_dir()) {
            for file in sorted(&machine)? {
                match file.extension().and_then(|ext| ext.to_str()) {
                    Some("hmp") => recorded.answered(&std::fs::read_to_string(&file)?),
                    Some("qmp") => recorded.topic(std::fs::read_to_string(&file)?),
                    _ => {}
                }
            }
        }
        Ok(recorded)
    }

    fn answered(&mut self, text: &str) {
        for entry in values(text) {
            if let (Some(line), Some(answer)) = (entry["line"].as_str(), entry["answer"].as_str()) {
                self.lines.push((line.to_owned(), answer.to_owned()));
            }
        }
    }

    fn topic(&mut self, text: String) {
        let mut asked = Value::Null;
        for line in values(&text) {
            if line["request"].is_object() {
                asked = line["request"].clone();
            } else if line["reply"].is_object() {
                self.answer(&asked, &line["reply"]);
            } else if line["wrote"].is_object() {
                self.files.extend(file(&line["wrote"]["data"]));
            }
        }
        self.topics.push(text);
    }

    fn answer(&mut self, asked: &Value, reply: &Value) {
        let (Some(name), text) = (asked["execute"].as_str(), reply.to_string()) else {
            return;
        };
        let known = self.answers.get(name).map_or(0, |(_, known)| known.len());
        if reply["return"] != Value::Null && text.len() <= 4000 && text.len() > known {
            self.answers.insert(name.to_owned(), (asked.clone(), text));
        }
    }
}

fn values(text: &str) -> impl Iterator<Item = Value> {
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
}

/// The content of a file; none where it is not short, or not all of it was kept.
fn file(pieces: &Value) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    for piece in pieces.as_array()? {
        if let Some(text) = piece["text"].as_str() {
            content.extend_from_slice(text.as_bytes());
        } else if let Some(text) = piece["base64"].as_str() {
            content.extend(STANDARD.decode(text).ok()?);
        } else {
            let zeros = usize::try_from(piece["zeros"].as_u64()?).ok()?;
            content.resize(content.len().checked_add(zeros.min(LONGEST))?, 0);
        }
        if content.len() > LONGEST {
            return None;
        }
    }
    Some(content)
}

/// See [`Recorded::steps`].
fn unpacked(text: &str) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    let mut rest = text;
    while !rest.is_empty() && content.len() <= LONGEST {
        if let Some((count, behind)) = rest.strip_prefix('z').and_then(|rest| rest.split_once(';'))
        {
            content.resize(content.len() + count.parse::<usize>().ok()?.min(LONGEST), 0);
            rest = behind;
        } else {
            content.push(u8::from_str_radix(rest.get(..2)?, 16).ok()?);
            rest = &rest[2..];
        }
    }
    Some(content)
}

/// What is in a folder, by name.
fn sorted(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    Ok(paths)
}
