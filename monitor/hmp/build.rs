// SPDX-License-Identifier: GPL-2.0-or-later
//! What `hmp --version` says: the release, and in parentheses git's revision of the source with its
//! date.
//!
//! A packager who builds from something else than a checkout says it in `HMP_REVISION` (empty:
//! nothing in parentheses). No clock is read, so that two builds of one revision are the same.

#![allow(clippy::print_stdout, reason = "this is how cargo is talked to")]

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=HMP_REVISION");
    println!("cargo::rerun-if-changed=build.rs");
    let release = env!("CARGO_PKG_VERSION");
    let revision = match std::env::var("HMP_REVISION") {
        Ok(said) => Some(said),
        Err(_) => git(&["log", "-1", "--abbrev=10", "--format=%h %cs"]),
    };
    // A line end would go on as an instruction to cargo.
    let revision = revision.unwrap_or_default();
    let revision = revision.lines().next().unwrap_or_default().trim();
    let version = match revision {
        "" => release.to_owned(),
        revision => format!("{release} ({revision})"),
    };
    println!("cargo::rustc-env=HMP_VERSION={version}");
}

/// What git prints about the checkout that this is; none where it is in no checkout of its own (a
/// tarball, perhaps unpacked inside another project's checkout), or git is missing.
fn git(arguments: &[&str]) -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let run = |arguments: &[&str]| {
        let done = Command::new("git")
            .arg("-C")
            .arg(&root)
            .args(arguments)
            .output()
            .ok()?;
        let text = String::from_utf8(done.stdout).ok()?;
        done.status.success().then(|| text.trim().to_owned())
    };
    let top = run(&["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != root.canonicalize().ok()? {
        return None;
    }
    // What changes with each commit; cargo takes a file that is not there for one that changed.
    for file in ["HEAD", "logs/HEAD"] {
        let path = root.join(run(&["rev-parse", "--git-path", file])?);
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    run(arguments)
}
