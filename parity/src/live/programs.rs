// SPDX-License-Identifier: GPL-2.0-or-later
//! QEMU programs to compare with.

use std::path::{Path, PathBuf};
use std::process::Command;

use hmp_engine::qmp::version::Version;

use super::folder::absolute;
use crate::case::Qemu;
use crate::case::qemu::parse_version;

/// The environment variable that names QEMU programs, separated by colons.
pub const VARIABLE: &str = "HMP_TEST_QEMUS";

/// A QEMU program.
#[derive(Clone, Debug)]
pub struct Program {
    /// Where it is.
    pub path: PathBuf,
    /// Its version, with the number of the stable update.
    pub version: Version,
    /// What it is.
    pub qemu: Qemu,
    /// Version and package, as it says them.
    pub build: String,
}

impl Program {
    /// Asks a program for its version; the target is the last part of its name.
    #[must_use]
    pub fn new(path: &Path) -> Option<Self> {
        let output = Command::new(path).arg("--version").output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut words = text.split_whitespace().skip_while(|w| *w != "version");
        let version = parse_version(words.nth(1)?)?;
        let first = text.lines().next().unwrap_or_default();
        let build = first.split_once(" version ").map_or("", |(_, build)| build);
        let name = path.file_name()?.to_str()?;
        Some(Self {
            path: absolute(path),
            version,
            build: build.to_owned(),
            qemu: Qemu::new(version, name.rsplit('-').next()?),
        })
    }
}

/// The QEMUs that tests may use: those of [`VARIABLE`], or else `qemu-system-x86_64` on the path.
#[must_use]
pub fn available() -> Vec<Program> {
    match std::env::var(VARIABLE) {
        Ok(list) => {
            let paths = list.split(':').filter(|p| !p.is_empty());
            paths.filter_map(|p| Program::new(Path::new(p))).collect()
        }
        Err(_) => {
            let found = Program::new(Path::new("qemu-system-x86_64"));
            found.into_iter().collect()
        }
    }
}
