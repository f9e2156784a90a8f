// SPDX-License-Identifier: GPL-2.0-or-later
//! Whose code the program `hmp` is made of: the `copyright` file of a package, in Debian's format,
//! with the notices that the licences of linked crates ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::error::Error;

/// The platform whose crates are listed: those of another architecture are the same.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// Code of others inside a crate: the crate, the licence's name, the file with its text.
const INNER: &[(&str, &str, &str)] = &[
    ("capstone-sys", "BSD-3-Clause", "capstone/LICENSE.TXT"),
    ("capstone-sys", "NCSA", "capstone/LICENSE_LLVM.TXT"),
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    license: Option<String>,
    /// None for what is in this repository.
    source: Option<String>,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    /// None for what is linked.
    kind: Option<String>,
}

/// A licence's text, and what it is about.
#[derive(Default)]
struct Notice {
    crates: BTreeSet<String>,
    licences: BTreeSet<String>,
}

/// The `copyright` file.
pub fn file(root: &Path) -> Result<String, Error> {
    let metadata = metadata(root)?;
    let mut notices: BTreeMap<String, Notice> = BTreeMap::new();
    for package in linked(&metadata)? {
        for (licence, text) in texts(package)? {
            let notice = notices.entry(text).or_default();
            notice.crates.insert(package.name.clone());
            notice.licences.insert(licence);
        }
    }
    let mut out = String::from(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
         Upstream-Name: Modern HMP\n\
         Source: https://gitlab.com/modern-hmp/hmp\n\
         Comment: Written by `cargo xtask generate`. Files below crates/ are not in the source: they are\n \
         the Rust crates that the program links, by name.\n\n\
         Files: *\n\
         Copyright: The authors of Modern HMP\n\
         License: GPL-2.0-or-later\n \
         On Debian systems the text is in /usr/share/common-licenses/GPL-2.\n",
    );
    for (text, notice) in &notices {
        let files: Vec<String> = notice
            .crates
            .iter()
            .map(|name| format!("crates/{name}/*"))
            .collect();
        let licences: Vec<&str> = notice.licences.iter().map(String::as_str).collect();
        // Writing to a string can't fail.
        let _ = write!(
            out,
            "\nFiles: {}\nCopyright: {}\nLicense: {}\n{}",
            files.join("\n "),
            holders(text).join("\n "),
            licences.join(" and "),
            indented(text)
        );
    }
    Ok(out)
}

fn metadata(root: &Path) -> Result<Metadata, Error> {
    let done = Command::new("cargo")
        .args(["metadata", "--format-version=1", "--locked"])
        .args(["--filter-platform", PLATFORM])
        .current_dir(root)
        .output()?;
    if !done.status.success() {
        return Err(String::from_utf8_lossy(&done.stderr).into());
    }
    Ok(serde_json::from_slice(&done.stdout)?)
}

/// The crates of others that `hmp` links: not what builds them, nor what runs in the compiler.
fn linked(metadata: &Metadata) -> Result<Vec<&Package>, Error> {
    let packages: BTreeMap<&str, &Package> = metadata
        .packages
        .iter()
        .map(|package| (package.id.as_str(), package))
        .collect();
    let nodes: BTreeMap<&str, &Node> = metadata
        .resolve
        .nodes
        .iter()
        .map(|node| (node.id.as_str(), node))
        .collect();
    let mut ours = metadata.packages.iter();
    let start = ours
        .find(|package| package.name == "hmp" && package.source.is_none())
        .ok_or("no package hmp")?;
    let mut seen = BTreeSet::from([start.id.as_str()]);
    let mut left = vec![start.id.as_str()];
    while let Some(id) = left.pop() {
        for dependency in nodes.get(id).into_iter().flat_map(|node| &node.deps) {
            let package = packages[dependency.pkg.as_str()];
            let links = dependency.dep_kinds.iter().any(|kind| kind.kind.is_none());
            if links && !in_the_compiler(package) && seen.insert(&package.id) {
                left.push(&package.id);
            }
        }
    }
    let mut found: Vec<&Package> = seen.into_iter().map(|id| packages[id]).collect();
    found.retain(|package| package.source.is_some());
    found.sort_by(|a, b| a.manifest_path.cmp(&b.manifest_path));
    Ok(found)
}

fn in_the_compiler(package: &Package) -> bool {
    let mut kinds = package.targets.iter().flat_map(|target| &target.kind);
    kinds.any(|kind| kind == "proc-macro")
}

/// The licences that a crate brings, each with its name; of those between which it gives a choice,
/// MIT.
fn texts(package: &Package) -> Result<Vec<(String, String)>, Error> {
    let folder = package
        .manifest_path
        .parent()
        .ok_or("a manifest without a folder")?;
    let said = package.license.clone().unwrap_or_default();
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if is_notice(&name) {
            names.push((said.clone(), name));
        }
    }
    let is_mit = |name: &str| name.to_lowercase().ends_with("-mit");
    if names.iter().any(|(_, name)| is_mit(name)) {
        names.retain(|(_, name)| is_mit(name));
        names = names.into_iter().map(|(_, n)| ("MIT".into(), n)).collect();
    }
    for (krate, licence, file) in INNER {
        if package.name == *krate {
            names.push(((*licence).to_owned(), (*file).to_owned()));
        }
    }
    if names.is_empty() {
        return Err(format!("{}: no licence's text", package.name).into());
    }
    names.sort();
    let read = |(licence, name)| {
        let text = std::fs::read_to_string(folder.join(name))?;
        Ok((licence, tidy(&text)))
    };
    names.into_iter().map(read).collect()
}

fn is_notice(name: &str) -> bool {
    let name = name.to_lowercase();
    let starts = ["license", "licence", "copying", "notice"];
    starts.iter().any(|start| name.starts_with(start))
}

/// The text without blanks at the ends of lines and around it.
fn tidy(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim().to_owned()
}

/// The lines that say whose it is.
fn holders(text: &str) -> Vec<&str> {
    let lines = text.lines().map(str::trim);
    let found: Vec<&str> = lines
        .filter(|line| {
            let line = line.to_lowercase();
            let names = line.starts_with("copyright") || line.starts_with("(c)");
            names && line.contains(|c: char| c.is_ascii_digit() || c == '©')
        })
        .collect();
    match found.as_slice() {
        [] => vec!["the crate's authors"],
        _ => found,
    }
}

/// The text as the continuation of a field.
fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| match line {
        "" => " .\n".to_owned(),
        line => format!(" {line}\n"),
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holders_are_read_from_the_text() {
        let text = "MIT License\n\nCopyright (c) 2020 A\n  Copyright © B\ncopyright notice and\n";
        assert_eq!(holders(text), ["Copyright (c) 2020 A", "Copyright © B"]);
        assert_eq!(holders("Permission is granted"), ["the crate's authors"]);
    }

    #[test]
    fn a_field_has_no_empty_line() {
        assert_eq!(indented("a\n\nb"), " a\n .\n b\n");
    }

    #[test]
    fn every_linked_crate_is_named_and_no_tool() {
        let root = crate::generate::root().unwrap();
        let file = file(root).unwrap();
        for name in ["capstone-sys", "clap", "rustyline", "tokio"] {
            assert!(file.contains(&format!("crates/{name}/*")), "{name}");
        }
        for name in ["clap_mangen", "rstest", "serde_derive", "syn", "cc"] {
            assert!(!file.contains(&format!("crates/{name}/*")), "{name}");
        }
    }
}
