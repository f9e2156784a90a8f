// SPDX-License-Identifier: GPL-2.0-or-later
//! `hmp --version` says which source it was built from.

use crate::common::program::{hmp, run};

/// What git says of the checkout; none in a tarball, or where a packager said something else.
fn revision() -> Option<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    if option_env!("HMP_REVISION").is_some() || !root.join(".git").exists() {
        return None;
    }
    let mut git = std::process::Command::new("git");
    let git = git.arg("-C").arg(root);
    let done = git
        .args(["log", "-1", "--abbrev=10", "--format=%h %cs"])
        .output();
    let done = done.ok().filter(|done| done.status.success())?;
    Some(String::from_utf8(done.stdout).unwrap().trim().to_owned())
}

#[test]
fn the_version_names_the_release_and_the_revision() {
    let ran = run(hmp().arg("--version"));
    let release = concat!("hmp ", env!("CARGO_PKG_VERSION"));
    match revision() {
        Some(revision) => assert_eq!(ran.stdout, format!("{release} ({revision})\n")),
        None => assert!(ran.stdout.starts_with(release), "{ran:?}"),
    }
    assert_eq!((ran.stderr.as_str(), ran.code), ("", Some(0)));
}
