// SPDX-License-Identifier: GPL-2.0-or-later
//! The parts of the repository that are made from the tables: nobody writes them by hand.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use clap_complete::Shell;
use hmp_engine::command::nature::Effect;
use hmp_engine::table::MAIN;
use parity::judge::baseline::Baseline;
use parity::live::talk::Differs;
use parity::tables::{offered, parts, status};

use crate::bounds;
use crate::error::Error;
use crate::header;
use crate::installed;
use crate::notices;
use crate::reference;
use crate::signs;
use crate::wraps;

/// A part of a file, or a whole one.
struct Part {
    /// The file, from the repository's root.
    path: &'static str,
    /// The name in the marks around it, `<!-- NAME -->` and `<!-- /NAME -->`; none for a whole file.
    mark: Option<&'static str>,
    /// Makes the text.
    make: fn(&Path) -> Result<String, Error>,
}

const PARTS: &[Part] = &[
    Part {
        path: "README.md",
        mark: Some("status"),
        make: routes,
    },
    Part {
        path: "docs/mock-qmp.md",
        mark: Some("faults"),
        make: |_| Ok(mock_qmp::fault_table()),
    },
    Part {
        path: "docs/hmp.md",
        mark: Some("secrets"),
        make: |_| Ok(secrets()),
    },
    Part {
        path: "docs/hmp.md",
        mark: Some("mtree"),
        make: memory_tree,
    },
    Part {
        path: "docs/architecture.md",
        mark: Some("layers"),
        make: layers,
    },
    Part {
        path: "docs/prompt.md",
        mark: Some("signs"),
        make: |_| Ok(signs::list()),
    },
    Part {
        path: "docs/listen.md",
        mark: Some("socket"),
        make: socket_differences,
    },
    Part {
        path: "docs/embedding.md",
        mark: Some("crates"),
        make: wraps::table,
    },
    Part {
        path: "docs/bounds.md",
        mark: None,
        make: bounds::page,
    },
    Part {
        path: "mock-qmp/src/schema/looking_lines.txt",
        mark: None,
        make: |_| Ok(looking_lines()),
    },
    Part {
        path: "monitor/ffi/include/hmp.h",
        mark: None,
        make: header::make,
    },
    Part {
        path: "contrib/copyright",
        mark: None,
        make: notices::file,
    },
    Part {
        path: "contrib/man/hmp.1",
        mark: None,
        make: installed::man_page,
    },
    Part {
        path: "contrib/completions/hmp.bash",
        mark: None,
        make: |_| installed::completions(Shell::Bash),
    },
    Part {
        path: "contrib/completions/_hmp",
        mark: None,
        make: |_| installed::completions(Shell::Zsh),
    },
    Part {
        path: "contrib/completions/hmp.fish",
        mark: None,
        make: |_| installed::completions(Shell::Fish),
    },
];

/// The table of what clients of a monitor socket get that the built-in's don't.
fn socket_differences(root: &Path) -> Result<String, Error> {
    let differs = Differs::load(&root.join("parity/socket.toml"))?;
    let mut table = "| where | what |\n|---|---|\n".to_owned();
    for one in differs.all() {
        let (kind, pattern) = match (&one.conversation, &one.line) {
            (Some(pattern), _) => ("conversations", pattern),
            (None, line) => ("lines", line.as_ref().unwrap_or(&one.reason)),
        };
        let pattern = pattern.replace('|', "\\|").replace('\u{fffd}', "\\ufffd");
        let qemus: Vec<_> = one.qemu.iter().map(ToString::to_string).collect();
        let at = match qemus.is_empty() {
            true => String::new(),
            false => format!(" on {}", qemus.join(", ")),
        };
        let _ = writeln!(table, "| {kind} `{pattern}`{at} | {} |", one.reason);
    }
    Ok(table)
}

/// Makes all parts and writes those that are stale, or, with `check`, only says which those are.
pub fn run(check: bool) -> Result<Vec<String>, Error> {
    let root = root()?;
    let mut stale = Vec::new();
    for part in PARTS {
        let path = root.join(part.path);
        let made = (part.make)(root)?;
        let old = std::fs::read_to_string(&path).unwrap_or_default();
        let new = match part.mark {
            None => made,
            Some(mark) => within(&old, mark, &made)
                .ok_or_else(|| format!("{}: the marks of {mark} are missing", part.path))?,
        };
        if new != old {
            stale.push(part.path.to_owned());
            if !check {
                write(&path, &new)?;
            }
        }
    }
    stale.extend(reference_pages(root, check)?);
    Ok(stale)
}

/// The command reference and the cookbook. A page whose family is gone is stale, too.
fn reference_pages(root: &Path, check: bool) -> Result<Vec<String>, Error> {
    let pages = reference::pages(root)?;
    let mut stale = Vec::new();
    for (name, text) in &pages {
        let path = root.join(name);
        if std::fs::read_to_string(&path).unwrap_or_default() != *text {
            stale.push(name.clone());
            if !check {
                write(&path, text)?;
            }
        }
    }
    for file in std::fs::read_dir(root.join(reference::FOLDER))? {
        let file = file?;
        let name = format!(
            "{}/{}",
            reference::FOLDER,
            file.file_name().to_string_lossy()
        );
        if !pages.iter().any(|(page, _)| *page == name) {
            if !check {
                std::fs::remove_file(file.path())?;
            }
            stale.push(name);
        }
    }
    Ok(stale)
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    Ok(std::fs::write(path, text)?)
}

/// The repository that this tool is of.
pub fn root() -> Result<&'static Path, Error> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    Ok(root.ok_or("no repository around the tool")?)
}

/// The text with what is between the marks replaced.
pub fn within(text: &str, mark: &str, made: &str) -> Option<String> {
    let (open, close) = (format!("<!-- {mark} -->\n"), format!("<!-- /{mark} -->"));
    let (before, rest) = text.split_once(&open)?;
    let (_, after) = rest.split_once(&close)?;
    Some(format!("{before}{open}{made}{close}{after}"))
}

/// Which routes the commands of the recorded QEMUs take.
fn routes(root: &Path) -> Result<String, Error> {
    Ok(status::table(&offered::recorded(&root.join("recordings"))?))
}

/// How much `info mtree` shows of recorded machines without the built-in.
fn memory_tree(root: &Path) -> Result<String, Error> {
    let baseline = std::fs::read_to_string(root.join("parity/baseline.tsv"))?;
    Ok(parts::table(&Baseline::parse(&baseline)?, "info mtree"))
}

/// The commands whose lines may hold a secret.
fn secrets() -> String {
    use hmp_engine::command::nature::Secret;
    let mut out = String::from("| command | kept out of the history |\n|---|---|\n");
    for row in MAIN {
        let when = match row.secret {
            Secret::Never => continue,
            Secret::Always => "always".to_owned(),
            Secret::Mentions(parts) => {
                let parts: Vec<String> = parts.iter().map(|part| format!("`{part}`")).collect();
                format!("where a word holds {}", parts.join(" or "))
            }
        };
        // Writing to a string can't fail.
        let _ = writeln!(out, "| `{}` | {when} |", row.name);
    }
    out
}

/// The drawings of the crates' front pages.
fn layers(root: &Path) -> Result<String, Error> {
    let mut out = String::new();
    for (name, source) in [
        ("hmp-engine", "monitor/engine/src/lib.rs"),
        ("hmp", "monitor/hmp/src/lib.rs"),
        ("mock-qmp", "mock-qmp/src/lib.rs"),
        ("parity", "parity/src/lib.rs"),
    ] {
        let page = std::fs::read_to_string(root.join(source))?;
        let drawing = page
            .split_once("//! ```text\n")
            .and_then(|(_, rest)| rest.split_once("//! ```\n"))
            .ok_or_else(|| format!("{source}: no drawing"))?;
        let lines = drawing.0.lines().map(|line| line.trim_start_matches("//!"));
        let lines: String = lines
            .map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line)))
            .collect();
        // Writing to a string can't fail.
        let _ = write!(out, "`{name}`, `{source}`:\n\n```text\n{lines}```\n\n");
    }
    Ok(out)
}

/// First words of lines that leave the VM as it is: the mock, which knows nothing of the engine,
/// takes them from a file.
fn looking_lines() -> String {
    let looks = |effect| matches!(effect, Effect::Looks | Effect::Writes);
    let rows = MAIN.iter().filter(|row| looks(row.effect));
    let names: BTreeSet<&str> = rows.flat_map(|row| row.names()).collect();
    let names: String = names.iter().map(|name| format!("{name}\n")).collect();
    format!("# Written by `cargo xtask generate` from the engine's rows.\n{names}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_replaced_between_its_marks() {
        let text = "a\n<!-- x -->\nold\n<!-- /x -->\nb\n";
        let new = within(text, "x", "new\n").unwrap();
        assert_eq!(new, "a\n<!-- x -->\nnew\n<!-- /x -->\nb\n");
        assert_eq!(within(text, "y", ""), None);
    }
}
