// SPDX-License-Identifier: GPL-2.0-or-later
//! The releases that code, tables and cases name, and where each is known from.
//!
//! A comment at the bound, or the one of the item around it, names its release and either the commit
//! of QEMU that changed it or what was seen: `10.1, commit c10eb74010 of QEMU`, `11.1, seen: on
//! 11.1.3`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use crate::error::Error;

/// The sources that are read, from the repository's root.
const SOURCES: &[&str] = &[
    "monitor/engine/src",
    "monitor/hmp/src",
    "mock-qmp/src",
    "parity/src",
    "xtask/src",
];

/// The cases, whose bounds are known from comments anywhere in the file.
const CASES: &str = "parity/cases";

/// The table whose lines have bounds.
const TYPES: &str = "monitor/engine/src/engine/complete/device_types.tsv";

/// The text above the table.
const PAGE: &str = "\
# Bounds

Written by `cargo xtask generate`: the releases of QEMU at which something changes for us, in code,
tables and cases. A commit is the one of QEMU that changed it. Where QEMU's history was not at hand
(it was read up to February 2026, in the development of 11.0), a bound says what was seen on running
QEMUs and which sources are without the change: a format is bound to the release that it was seen
in, a danger to the earliest that may have it.

| release | where | what | known from |
|---|---|---|---|
";

/// A release that something depends on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bound {
    release: (u32, u32),
    path: String,
    what: String,
    /// The commit of QEMU, or what was seen.
    source: Option<String>,
    line: usize,
}

/// The page of all bounds.
pub fn page(root: &Path) -> Result<String, Error> {
    let mut bounds = all(root)?;
    bounds.sort();
    let mut rows = BTreeSet::new();
    let mut page = PAGE.to_owned();
    for bound in bounds {
        let (major, minor) = bound.release;
        let (path, what) = (bound.path, bound.what);
        let source = bound.source.unwrap_or_default();
        let row = format!("| {major}.{minor} | `{path}` | {what} | {source} |\n");
        if rows.insert(row.clone()) {
            page.push_str(&row);
        }
    }
    Ok(page)
}

/// All bounds of the repository.
fn all(root: &Path) -> Result<Vec<Bound>, Error> {
    let mut bounds = Vec::new();
    for folder in SOURCES {
        for path in files(&root.join(folder), "rs")? {
            if path.ends_with("/tests.rs") || path.contains("/tests/") {
                continue;
            }
            add(&mut bounds, root, &path, of_code)?;
        }
    }
    for path in files(&root.join(CASES), "toml")? {
        add(&mut bounds, root, &path, of_case)?;
    }
    let types = root.join(TYPES).display().to_string();
    add(&mut bounds, root, &types, of_types)?;
    Ok(bounds)
}

fn add(
    bounds: &mut Vec<Bound>,
    root: &Path,
    path: &str,
    read: fn(&str) -> Vec<Bound>,
) -> Result<(), Error> {
    let shown = Path::new(path).strip_prefix(root)?.display().to_string();
    for bound in read(&std::fs::read_to_string(path)?) {
        bounds.push(Bound {
            path: shown.clone(),
            ..bound
        });
    }
    Ok(())
}

/// The files of a folder and those in it, sorted.
fn files(folder: &Path, extension: &str) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path, extension)?);
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path.display().to_string());
        }
    }
    found.sort();
    Ok(found)
}

/// The bounds of a source: `v(MAJOR, MINOR)` outside tests.
fn of_code(text: &str) -> Vec<Bound> {
    let lines: Vec<&str> = text.lines().collect();
    let is_tests = |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ");
    let end = lines.windows(2).position(is_tests).unwrap_or(lines.len());
    let mut bounds = Vec::new();
    for (at, line) in lines[..end].iter().enumerate() {
        let (code, comment) = line.split_once("//").unwrap_or((line, ""));
        for release in literals(code) {
            let comments = [
                comment.to_owned(),
                above(&lines, at),
                above(&lines, item(&lines, at)),
            ];
            bounds.push(Bound {
                release,
                path: String::new(),
                what: what(&lines, at),
                source: comments.iter().find_map(|text| source(text, release)),
                line: at + 1,
            });
        }
    }
    bounds
}

/// The releases that a line of code names; 0.0 is older than every QEMU.
fn literals(code: &str) -> Vec<(u32, u32)> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("v(") {
        let is_name = rest[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        rest = &rest[at + 2..];
        let numbers = rest.split_once(')').and_then(|(inside, _)| {
            let (major, minor) = inside.split_once(", ")?;
            Some((major.parse().ok()?, minor.parse().ok()?))
        });
        if let Some(release) = numbers.filter(|release| !is_name && *release != (0, 0)) {
            found.push(release);
        }
    }
    found
}

/// The line of the item that a line belongs to: the last one that begins at the margin.
fn item(lines: &[&str], at: usize) -> usize {
    let begins = |line: &&str| line.starts_with(|c: char| c.is_alphabetic());
    lines[..=at].iter().rposition(begins).unwrap_or(0)
}

/// The comments and attributes right above a line.
fn above(lines: &[&str], at: usize) -> String {
    let is_comment = |line: &&&str| {
        let line = line.trim_start();
        line.starts_with("//") || line.starts_with("#[")
    };
    let comments: Vec<&str> = lines[..at]
        .iter()
        .rev()
        .take_while(is_comment)
        .copied()
        .collect();
    let words = comments
        .iter()
        .rev()
        .map(|line| line.trim().trim_start_matches('/').trim());
    words.collect::<Vec<_>>().join(" ")
}

/// What a comment says of a release: the commit of QEMU, or what was seen.
fn source(comment: &str, release: (u32, u32)) -> Option<String> {
    let name = format!("{}.{}, ", release.0, release.1);
    comment.match_indices(&name).find_map(|(at, _)| {
        let is_end = comment[..at].ends_with(|c: char| c.is_ascii_digit() || c == '.');
        let said = &comment[at + name.len()..];
        if is_end {
            return None;
        }
        if let Some(commit) = said.strip_prefix("commit ") {
            let hash = commit.split([' ', ')', ':', ';']).next()?;
            let is_hash = hash.len() == 10 && hash.bytes().all(|b| b.is_ascii_hexdigit());
            return is_hash.then(|| format!("commit {hash}"));
        }
        let seen = said.strip_prefix("seen: ")?;
        let seen = seen.split([')', '|']).next()?.trim().trim_end_matches('.');
        (!seen.is_empty()).then(|| format!("seen: {seen}"))
    })
}

/// What a line is about: its row or its danger, its item, and the code itself.
fn what(lines: &[&str], at: usize) -> String {
    let item = item(lines, at);
    let name = lines[item]
        .split([':', '(', '{', '='])
        .next()
        .unwrap_or_default();
    let is_member = |line: &&str| line.starts_with("    ") && !line[4..].starts_with(' ');
    let block = lines[item..at].iter().rposition(is_member);
    let block = block.filter(|block| lines[item + block].ends_with(" {"));
    let row = block.and_then(|block| {
        lines[item + block..at].iter().find_map(|line| {
            let (_, rest) = line.split_once(if line.contains("name: \"") {
                "name: \""
            } else {
                "At::"
            })?;
            let rest = rest.split_once("(\"").map_or(rest, |(_, rest)| rest);
            rest.split('"').next().map(str::to_owned)
        })
    });
    let code = lines[at].split("//").next().unwrap_or_default().trim();
    let code = code.trim_end_matches([',', ';', '{', ' ']);
    let mut text = String::new();
    // Writing to a string can't fail.
    let _ = match row {
        Some(row) => write!(text, "`{row}`: `{code}`"),
        None if item == at => write!(text, "`{code}`"),
        None => write!(text, "`{}`: `{code}`", name.trim()),
    };
    text.replace('|', "\\|")
}

/// The bounds of a case: `since` and `until`, known from comments anywhere in the file.
fn of_case(text: &str) -> Vec<Bound> {
    let comments: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .collect();
    let comments = comments.join(" | ");
    let mut bounds = Vec::new();
    for (at, line) in text.lines().enumerate() {
        for key in ["since", "until"] {
            for (place, _) in line.match_indices(&format!("{key} = \"")) {
                let value = line[place..].split('"').nth(1).unwrap_or_default();
                if let Some(release) = release(value) {
                    bounds.push(Bound {
                        release,
                        path: String::new(),
                        what: format!("`{key}`"),
                        source: source(&comments, release),
                        line: at + 1,
                    });
                }
            }
        }
    }
    bounds
}

/// The bounds of types of devices, each known from its line.
fn of_types(text: &str) -> Vec<Bound> {
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.starts_with('#'));
    let bound = |(at, line): (usize, &str)| {
        let (name, class) = line.split_once('\t')?;
        let mut words = class.split([' ', ',']);
        let (class, when) = (words.next()?, words.next()?);
        let release = release(words.next()?)?;
        Some(Bound {
            release,
            path: String::new(),
            what: format!("`{name}`: {class} {when}"),
            source: source(line, release),
            line: at + 1,
        })
    };
    lines.filter_map(bound).collect()
}

fn release(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::root;

    #[test]
    fn every_bound_has_a_source() {
        let bounds = all(root().unwrap()).unwrap();
        assert!(bounds.len() > 100, "{}", bounds.len());
        let without = bounds.iter().filter(|bound| bound.source.is_none());
        let without: Vec<String> = without
            .map(|b| format!("{}:{}: {:?} {}", b.path, b.line, b.release, b.what))
            .collect();
        assert!(without.is_empty(), "no source:\n{}", without.join("\n"));
    }

    #[test]
    fn a_source_names_the_release_of_its_bound() {
        let code = "\
/// The first (9.1, commit 0123456789 of QEMU).
const FIRST: Version = v(9, 1);
/// The first (9.1, commit 0123456789 of QEMU).
const WRONG: Version = v(9, 2);
const NOTHING: Version = v(8, 0);
const ROWS: &[Row] = &[
    Row {
        name: \"a\",
        since: v(11, 1), // 11.1, seen: on 11.1.3; 10.2 is without
    },
    // 8.2, commit 0123 of QEMU.
    (\"short\", v(8, 2)),
];
#[cfg(test)]
mod tests {
    const IN_A_TEST: Version = v(7, 2);
}
";
        let found: Vec<_> = of_code(code)
            .into_iter()
            .map(|bound| (bound.line, bound.release, bound.what, bound.source))
            .collect();
        let commit = Some("commit 0123456789".to_owned());
        let seen = Some("seen: on 11.1.3; 10.2 is without".to_owned());
        let what = |text: &str| text.to_owned();
        assert_eq!(
            found,
            [
                (2, (9, 1), what("`const FIRST: Version = v(9, 1)`"), commit),
                (4, (9, 2), what("`const WRONG: Version = v(9, 2)`"), None),
                (5, (8, 0), what("`const NOTHING: Version = v(8, 0)`"), None),
                (9, (11, 1), what("`a`: `since: v(11, 1)`"), seen),
                (
                    12,
                    (8, 2),
                    what("`const ROWS`: `(\"short\", v(8, 2))`"),
                    None
                ),
            ]
        );
    }

    #[test]
    fn cases_and_types_have_their_sources_beside_them() {
        let case = "# 8.2, commit 0123456789 of QEMU: files\nsteps = [{ line = \"x\", since = \"8.2\", until = \"9.0\" }]\n";
        let found = of_case(case);
        assert_eq!(found[0].source.as_deref(), Some("commit 0123456789"));
        assert_eq!((found[1].release, &found[1].source), ((9, 0), &None));
        let types = of_types("# x\na\tfixed\nb\tloose since 9.0, commit 0123456789 of QEMU\n");
        assert_eq!(types.len(), 1);
        assert_eq!(types[0].source.as_deref(), Some("commit 0123456789"));
    }
}
