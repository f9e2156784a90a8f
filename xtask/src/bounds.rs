// SPDX-License-Identifier: GPL-2.0-or-later
//! Release bounds: each `v(N, M)` of the sources, with where that comes from.
//!
//! A bound is a fact about QEMU, so a comment beside it, or on the line above, says `N.M: SOURCE`.
//! The source is one of
//!
//! - `commit HASH`, of QEMU's history: N.M is the first release that has it;
//! - `seen in N.M.Z`: that release answers so and those before it that were tried do not; QEMU's
//!   history as it was at hand, up to February 2026, does not have the change;
//! - `learned`, `nearest`: a table made from that release, and the first release that a table is
//!   used for.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::error::Error;

/// Where sources are, from the repository's root.
const FOLDERS: &[&str] = &["monitor", "mock-qmp/src", "parity/src", "xtask/src"];

/// Digits of a commit's hash.
const HASH: usize = 10;

/// A bound in the sources.
#[derive(Debug, PartialEq, Eq)]
struct Bound {
    release: (u32, u32),
    line: usize,
    /// What the line says, without its comment.
    code: String,
    /// Where it comes from; none where nothing is said, or nothing that counts.
    source: Option<String>,
}

/// The list as a page; an error names each bound without a source.
pub fn page(root: &Path) -> Result<String, Error> {
    let mut rows = Vec::new();
    let mut without = Vec::new();
    for folder in FOLDERS {
        for path in files(&root.join(folder))? {
            let shown = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .display()
                .to_string();
            for bound in bounds(&fs::read_to_string(&path)?) {
                let Some(source) = bound.source else {
                    without.push(format!("{shown}:{}: {}", bound.line, bound.code));
                    continue;
                };
                rows.push((bound.release, shown.clone(), bound.code, source));
            }
        }
    }
    if !without.is_empty() {
        let text = without.join("\n");
        return Err(format!("release bounds without a source:\n{text}").into());
    }
    rows.sort();
    let mut page = String::from(HEAD);
    for ((major, minor), path, code, source) in rows {
        let code = code.replace('|', "\\|");
        // Writing to a string can't fail.
        let _ = writeln!(page, "| {major}.{minor} | `{path}` | `{code}` | {source} |");
    }
    Ok(page)
}

const HEAD: &str = "\
# Release bounds

Every release that decides something in the sources, with where that comes from: a commit of QEMU's
history, whose first release it is; or `seen in` a release, where the history that was at hand (up
to February 2026) does not have the change. Tables are `learned` from one release and used for
others `nearest` to it, whose rows are not exact then. `cargo xtask generate` makes this page from
the comments beside the bounds, and fails where one has none.

| release | where | what | source |
|---|---|---|---|
";

/// The sources below a folder, without tests.
fn files(folder: &Path) -> Result<Vec<std::path::PathBuf>, Error> {
    let mut found = Vec::new();
    let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        if entry.file_type()?.is_dir() {
            if name != "tests" && name != "target" {
                found.extend(files(&path)?);
            }
        } else if name != "tests.rs" && path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
    Ok(found)
}

/// The bounds of a file, up to its tests.
fn bounds(text: &str) -> Vec<Bound> {
    let lines: Vec<&str> = text.lines().collect();
    let end = lines.iter().position(|line| line.trim() == "#[cfg(test)]");
    let mut found = Vec::new();
    for (number, line) in lines.iter().enumerate().take(end.unwrap_or(lines.len())) {
        let (code, beside) = line.split_once("//").unwrap_or((line, ""));
        let above = number.checked_sub(1).map(|n| lines[n].trim());
        let above = above.filter(|line| line.starts_with("//")).unwrap_or("");
        for release in releases(code) {
            let source = source(release, beside).or_else(|| source(release, above));
            found.push(Bound {
                release,
                line: number + 1,
                code: code.trim().to_owned(),
                source,
            });
        }
    }
    found
}

/// The releases that a line of code names; 0.0 and what comes after all are none.
fn releases(code: &str) -> Vec<(u32, u32)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("v(") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let inner = code[at + 2..].split(')').next().unwrap_or_default();
        let mut numbers = inner.split(',').map(|number| number.trim().parse().ok());
        if let (Some(Some(major)), Some(Some(minor))) = (numbers.next(), numbers.next())
            && (major, minor) != (0, 0)
        {
            found.push((major, minor));
        }
    }
    found
}

/// What a comment gives as the source of a release.
fn source((major, minor): (u32, u32), comment: &str) -> Option<String> {
    let start = format!("{major}.{minor}: ");
    let mut parts = comment.trim_start_matches('/').split(';').map(str::trim);
    let said = parts.find_map(|part| part.strip_prefix(&start))?;
    let counts = match said.split_once(' ') {
        Some(("commit", hash)) => hash.len() == HASH && hash.bytes().all(|b| b.is_ascii_hexdigit()),
        Some(("seen", place)) => place
            .strip_prefix("in ")
            .is_some_and(|release| release.starts_with(|c: char| c.is_ascii_digit())),
        Some(_) => false,
        None => matches!(said, "learned" | "nearest"),
    };
    counts.then(|| said.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(text: &str) -> Vec<Option<String>> {
        bounds(text).into_iter().map(|bound| bound.source).collect()
    }

    #[test]
    fn a_source_is_beside_or_above() {
        let text = "\
const A: Version = v(8, 0); // 8.0: commit 0123456789
    // 9.0: commit abcdef0123; 11.0: seen in 11.1.3
    x: v(9, 0)..v(11, 0),
// 7.2: learned
(v(7, 2), 1)
";
        let found = sources(text);
        assert!(found.iter().all(Option::is_some), "{found:?}");
        assert_eq!(found.len(), 4);
    }

    #[test]
    fn what_is_no_source_does_not_count() {
        for line in [
            "v(8, 0)",
            "v(8, 0) // 8.1: commit 0123456789",
            "v(8, 0) // 8.0: commit 01234",
            "v(8, 0) // 8.0: commit of QEMU",
            "v(8, 0) // 8.0: seen",
            "v(8, 0) // 8.0: somewhere",
            "// 8.0: commit 0123456789\n\nv(8, 0)",
        ] {
            assert_eq!(sources(line), [None], "{line}");
        }
        assert_eq!(
            sources("v(0, 0); iv(8, 0); #[x]\n#[cfg(test)]\nv(8, 0)"),
            [None; 0]
        );
    }
}
