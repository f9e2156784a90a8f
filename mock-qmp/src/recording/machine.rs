// SPDX-License-Identifier: GPL-2.0-or-later
//! `machine.toml`: what was recorded.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::RecordingError;
use super::line::FORMAT;
use crate::release::Release;

/// The machine that a recording was made on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Version of the recording format.
    #[serde(default = "current_format")]
    pub format: u32,
    /// Target architecture in QEMU's spelling, such as `x86_64`.
    pub arch: String,
    /// Machine type, such as `q35`.
    pub machine: String,
    /// What sets this recording apart from others of the same machine; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub variant: String,
    /// QEMU's command line without the program itself.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// Hash of the schema: the first 16 hexadecimal digits of its file's SHA-256. Empty when there
    /// is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub schema: String,
    /// The topics that are played as one machine, in the order in which they are asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<String>,
    /// Members of requests that clients choose anew each time, as `COMMAND.MEMBER`; `*` stands for
    /// all commands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    /// Which QEMU it was.
    pub qemu: QemuVersion,
}

fn current_format() -> u32 {
    FORMAT
}

/// A QEMU's version, as its greeting states it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QemuVersion {
    /// First number.
    pub major: u32,
    /// Second number.
    pub minor: u32,
    /// Third number.
    pub micro: u32,
    /// The distribution's or developer's name for this build; may be empty.
    #[serde(default)]
    pub package: String,
}

impl QemuVersion {
    /// The release, whatever its stable update.
    #[must_use]
    pub const fn release(&self) -> Release {
        (self.major, self.minor)
    }

    /// Reads `MAJOR.MINOR[.MICRO]`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('.').map(|part| part.parse().ok());
        let major = numbers.next()??;
        let minor = numbers.next().unwrap_or(Some(0))?;
        let micro = numbers.next().unwrap_or(Some(0))?;
        numbers.next().is_none().then_some(Self {
            major,
            minor,
            micro,
            package: String::new(),
        })
    }

    /// Reads the value of `version` in a greeting, or of query-version's return.
    #[must_use]
    pub fn from_json(version: &crate::json::Value) -> Option<Self> {
        let number = |name: &str| {
            version
                .get("qemu")?
                .get(name)?
                .as_i64()
                .and_then(|n| u32::try_from(n).ok())
        };
        let package = version
            .get("package")
            .and_then(|text| text.as_str())
            .unwrap_or_default()
            .to_owned();
        Some(Self {
            major: number("major")?,
            minor: number("minor")?,
            micro: number("micro")?,
            package,
        })
    }

    /// The greeting's version member, in QEMU's order.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let numbers =
            serde_json::json!({"micro": self.micro, "minor": self.minor, "major": self.major});
        serde_json::json!({"qemu": numbers, "package": self.package})
    }
}

impl std::fmt::Display for QemuVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.micro)
    }
}

impl Machine {
    /// The folder name of such a recording: `VERSION-ARCH-MACHINE[+VARIANT]`.
    #[must_use]
    pub fn folder_name(&self) -> String {
        let variant = if self.variant.is_empty() {
            String::new()
        } else {
            format!("+{}", self.variant)
        };
        format!("{}-{}-{}{variant}", self.qemu, self.arch, self.machine)
    }

    /// Reads the file.
    pub fn load(path: &Path) -> Result<Self, RecordingError> {
        let text = std::fs::read_to_string(path).map_err(RecordingError::io(path))?;
        let problem = |error: toml::de::Error| RecordingError::Machine {
            path: path.to_owned(),
            problem: error.message().to_owned(),
        };
        #[derive(Deserialize)]
        struct Format {
            format: Option<u32>,
        }
        let format: Format = toml::from_str(&text).map_err(problem)?;
        if format.format.unwrap_or(FORMAT) > FORMAT {
            return Err(RecordingError::TooNew {
                path: path.to_owned(),
                found: format.format.unwrap_or(FORMAT),
            });
        }
        toml::from_str(&text).map_err(problem)
    }

    /// The file's text: the format version first.
    #[must_use]
    pub fn to_text(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
impl Machine {
    /// A machine for tests.
    pub(crate) fn example() -> Self {
        Self {
            format: FORMAT,
            arch: "x86_64".to_owned(),
            machine: "q35".to_owned(),
            variant: String::new(),
            arguments: Vec::new(),
            schema: String::new(),
            topics: Vec::new(),
            ignore: Vec::new(),
            qemu: QemuVersion::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_back() {
        let machine = Machine {
            variant: "nvme".to_owned(),
            arguments: vec!["-M".to_owned(), "q35".to_owned()],
            schema: "0123456789abcdef".to_owned(),
            qemu: QemuVersion {
                package: "Debian".to_owned(),
                ..QemuVersion::parse("10.0.2").unwrap()
            },
            ..Machine::example()
        };
        let text = machine.to_text();
        assert!(text.starts_with("format = 1\n"), "{text}");
        assert_eq!(toml::from_str::<Machine>(&text).unwrap(), machine);
        assert_eq!(machine.folder_name(), "10.0.2-x86_64-q35+nvme");
    }

    #[test]
    fn versions() {
        assert_eq!(QemuVersion::parse("11.1").unwrap().to_string(), "11.1.0");
        assert_eq!(QemuVersion::parse("x"), None);
        assert_eq!(QemuVersion::parse("1.2.3.4"), None);
        let json = crate::json::Value::from(QemuVersion::parse("10.0.2").unwrap().to_json());
        assert_eq!(QemuVersion::from_json(&json).unwrap().to_string(), "10.0.2");
    }
}
