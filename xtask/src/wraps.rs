// SPDX-License-Identifier: GPL-2.0-or-later
//! The crates of others that the engine needs, and which of them QEMU has already.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use crate::error::Error;

/// What QEMU 10.0 wraps of them (`subprojects/*-rs.wrap`): name and version, as far as the name of
/// the file says it.
const WRAPPED: &[(&str, &str)] = &[
    ("libc", "0.2"),
    ("proc-macro2", "1"),
    ("quote", "1"),
    ("syn", "2"),
    ("unicode-ident", "1"),
];

/// A Markdown table: those that are linked first, then those that work in the compiler.
pub fn table(root: &Path) -> Result<String, Error> {
    let linked = tree(root, "normal,no-proc-macro")?;
    let all = tree(root, "normal")?;
    let mut out =
        String::from("| crate | version | used | wrapped by QEMU 10.0 |\n|---|---|---|---|\n");
    for is_linked in [true, false] {
        for (name, version) in all
            .iter()
            .filter(|(name, _)| linked.contains_key(*name) == is_linked)
        {
            let used = if is_linked {
                "linked"
            } else {
                "when compiling"
            };
            // Writing to a string can't fail.
            let _ = writeln!(
                out,
                "| `{name}` | {version} | {used} | {} |",
                wrapped(name, version)
            );
        }
    }
    let count = linked
        .keys()
        .filter(|name| WRAPPED.iter().all(|(one, _)| one != name))
        .count();
    let _ = writeln!(out, "\nLinked and without a wrap: {count}.");
    Ok(out)
}

fn wrapped(name: &str, version: &str) -> String {
    match WRAPPED.iter().find(|(one, _)| *one == name) {
        None => "no".into(),
        Some((_, theirs)) if version.split('.').next() == theirs.split('.').next() => "yes".into(),
        Some((_, theirs)) => (*theirs).to_owned(),
    }
}

/// Names and versions of the crates that the engine has without its default features.
fn tree(root: &Path, edges: &str) -> Result<BTreeMap<String, String>, Error> {
    let done = Command::new("cargo")
        .args([
            "tree",
            "--locked",
            "-p",
            "hmp-engine",
            "--no-default-features",
        ])
        .args(["-e", edges, "--prefix", "none", "--format", "{p}"])
        .args(["--target", "x86_64-unknown-linux-gnu"])
        .current_dir(root)
        .output()?;
    if !done.status.success() {
        return Err(String::from_utf8_lossy(&done.stderr).into());
    }
    let text = String::from_utf8(done.stdout)?;
    let lines: BTreeSet<&str> = text.lines().collect();
    let crates = lines.into_iter().filter_map(|line| {
        let mut words = line.split(' ');
        let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
        (name != "hmp-engine").then(|| (name.to_owned(), version.to_owned()))
    });
    Ok(crates.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrap_is_of_a_version() {
        assert_eq!(wrapped("quote", "1.0.47"), "yes");
        assert_eq!(wrapped("syn", "3.0.9"), "2");
        assert_eq!(wrapped("slab", "0.4.12"), "no");
    }
}
