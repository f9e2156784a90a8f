//! QEMU programs to compare with.

use std::path::{Path, PathBuf};
use std::process::Command;

use monitor::version::Version;

/// The environment variable that names QEMU programs, separated by colons.
pub const VARIABLE: &str = "HMP_TEST_QEMUS";

/// A QEMU program.
#[derive(Clone, Debug)]
pub struct Qemu {
    /// Where it is.
    pub program: PathBuf,
    /// Its release.
    pub version: Version,
    /// Its target, in QAPI's spelling.
    pub arch: String,
}

impl Qemu {
    /// Asks a program for its version; the target is the last part of its name.
    #[must_use]
    pub fn new(program: &Path) -> Option<Self> {
        let output = Command::new(program).arg("--version").output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let number = text
            .split_whitespace()
            .skip_while(|w| *w != "version")
            .nth(1)?;
        let name = program.file_name()?.to_str()?;
        Some(Self {
            program: program.to_owned(),
            version: parse_version(number)?,
            arch: name.rsplit('-').next()?.to_owned(),
        })
    }

    /// The name in reports: release and target.
    #[must_use]
    pub fn label(&self) -> String {
        format!(
            "{}.{}-{}",
            self.version.major, self.version.minor, self.arch
        )
    }
}

/// The QEMUs that tests may use: those of [`VARIABLE`], or else `qemu-system-x86_64` on the path.
#[must_use]
pub fn available() -> Vec<Qemu> {
    match std::env::var(VARIABLE) {
        Ok(list) => list
            .split(':')
            .filter(|p| !p.is_empty())
            .filter_map(|p| Qemu::new(Path::new(p)))
            .collect(),
        Err(_) => Qemu::new(Path::new("qemu-system-x86_64"))
            .into_iter()
            .collect(),
    }
}

/// Reads `10.0`, `10.0.2` or `11.1.0-rc1`.
#[must_use]
pub fn parse_version(text: &str) -> Option<Version> {
    let mut numbers = text
        .split(|c: char| !c.is_ascii_digit())
        .map(|n| n.parse().ok());
    Some(Version {
        major: numbers.next()??,
        minor: numbers.next()??,
        micro: numbers.next().flatten().unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let version = |major, minor, micro| Version {
            major,
            minor,
            micro,
        };
        assert_eq!(parse_version("10.0.2"), Some(version(10, 0, 2)));
        assert_eq!(parse_version("7.2"), Some(version(7, 2, 0)));
        assert_eq!(parse_version("x"), None);
    }
}
