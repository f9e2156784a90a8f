// SPDX-License-Identifier: GPL-2.0-or-later
//! What is different on purpose, by command: docs/differences.md and parity/known.toml.

use std::fmt::Write;
use std::path::Path;

use regex::Regex;
use serde::Deserialize;

use crate::error::Error;

/// All that is different.
pub struct Differences {
    /// The points of docs/differences.md: the code in their bold beginning, and the text.
    points: Vec<(Vec<String>, String)>,
    known: Vec<(Regex, Known)>,
}

#[derive(Deserialize)]
struct File {
    known: Vec<Known>,
}

/// An entry of parity/known.toml, as far as it is shown.
#[derive(Deserialize)]
struct Known {
    line: String,
    #[serde(default)]
    qemu: Vec<String>,
    #[serde(default)]
    native: bool,
    reason: String,
}

impl Differences {
    /// Reads both.
    pub fn load(root: &Path) -> Result<Self, Error> {
        let page = std::fs::read_to_string(root.join("docs/differences.md"))?;
        let file: File = toml::from_str(&std::fs::read_to_string(root.join("parity/known.toml"))?)?;
        let known = file.known.into_iter().map(|known| {
            let regex = Regex::new(&format!("^(?:{})$", known.line))?;
            Ok((regex, known))
        });
        Ok(Self {
            points: points(&page),
            known: known.collect::<Result<_, Error>>()?,
        })
    }

    /// What is said of the command `name`, of which these lines were recorded.
    pub fn of<'a>(&self, name: &str, lines: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
        let is_of = |code: &String| {
            let rest = code.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        let points = self
            .points
            .iter()
            .filter(|(codes, _)| codes.iter().any(is_of));
        let mut found: Vec<String> = points.map(|(_, text)| text.clone()).collect();
        for (regex, known) in &self.known {
            let Some(line) = lines.clone().find(|line| regex.is_match(line)) else {
                continue;
            };
            let mut text = format!("lines such as `{line}`");
            if !known.qemu.is_empty() {
                let _ = write!(text, " on {}", known.qemu.join(", "));
            }
            if known.native {
                text += " without the built-in monitor";
            }
            found.push(format!("{text}: {}.", known.reason));
        }
        found
    }
}

/// The points of a page: `- **...** ...`, up to the next one or a blank line.
fn points(page: &str) -> Vec<(Vec<String>, String)> {
    let mut points: Vec<String> = Vec::new();
    let mut open = false;
    for line in page.lines() {
        match line.strip_prefix("- ") {
            Some(first) => {
                points.push(first.to_owned());
                open = true;
            }
            None if line.starts_with("  ") && open => {
                if let Some(point) = points.last_mut() {
                    point.push(' ');
                    point.push_str(line.trim());
                }
            }
            None => open = false,
        }
    }
    let with_names = points.into_iter().filter_map(|text| {
        let bold = text.strip_prefix("**")?.split("**").next()?;
        let codes = bold.split('`').skip(1).step_by(2);
        let codes: Vec<String> = codes.map(str::to_owned).collect();
        Some((codes, text))
    });
    with_names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_belong_to_the_commands_of_their_bold_beginning() {
        let page = "x\n\n- **`stop`, `cont -x`** and\n  more `quit`.\n- **Other** `stop`.\n\nend\n";
        let found = Differences {
            points: points(page),
            known: Vec::new(),
        };
        let none = std::iter::empty::<&str>;
        let text = "**`stop`, `cont -x`** and more `quit`.";
        assert_eq!(found.of("stop", none()), [text]);
        assert_eq!(found.of("cont", none()), [text]);
        assert!(found.of("quit", none()).is_empty());
        assert!(found.of("con", none()).is_empty());
    }
}
