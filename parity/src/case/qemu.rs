// SPDX-License-Identifier: GPL-2.0-or-later
//! Which QEMU: the release and target that cases suit, tables are about, and reports name.

use std::fmt;
use std::str::FromStr;

use hmp_engine::qemu::caps::Caps;
use hmp_engine::qmp::version::{Version, v};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A QEMU by release and target, `10.0-x86_64` in text. Stable updates of a release are alike here.
///
/// Sorted by release, then by target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Qemu {
    version: Version,
    arch: String,
}

/// A text that names no QEMU.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a release and a target, such as 10.0-x86_64")]
pub struct NotAQemu(String);

impl Qemu {
    /// The QEMU of that version, for the target `arch` in QAPI's spelling.
    #[must_use]
    pub fn new(version: Version, arch: &str) -> Self {
        Self {
            version: v(version.major, version.minor),
            arch: arch.to_owned(),
        }
    }

    /// The QEMU with these capabilities.
    #[must_use]
    pub fn of(caps: &Caps) -> Self {
        Self::new(caps.version, caps.arch.as_deref().unwrap_or_default())
    }

    /// Its release, without the number of the stable update.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Its target, in QAPI's spelling.
    #[must_use]
    pub fn arch(&self) -> &str {
        &self.arch
    }

    /// Whether it is `since` or newer, and older than `until`; both such as `8.0`.
    #[must_use]
    pub fn is_within(&self, since: Option<&str>, until: Option<&str>) -> bool {
        let bound = |text: Option<&str>| text.and_then(parse_version);
        bound(since).is_none_or(|v| self.version >= v)
            && bound(until).is_none_or(|v| self.version < v)
    }
}

impl fmt::Display for Qemu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Version { major, minor, .. } = self.version;
        f.pad(&format!("{major}.{minor}-{}", self.arch))
    }
}

impl FromStr for Qemu {
    type Err = NotAQemu;

    fn from_str(text: &str) -> Result<Self, NotAQemu> {
        let parts = text.split_once('-');
        let read = parts.and_then(|(release, arch)| Some(Self::new(parse_version(release)?, arch)));
        read.ok_or_else(|| NotAQemu(text.to_owned()))
    }
}

impl Serialize for Qemu {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Qemu {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
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

    #[test]
    fn a_label_is_release_and_target() {
        let update = Version {
            micro: 2,
            ..v(10, 0)
        };
        let qemu = Qemu::new(update, "x86_64");
        assert_eq!(qemu.to_string(), "10.0-x86_64");
        assert_eq!("10.0-x86_64".parse::<Qemu>().unwrap(), qemu);
        assert_eq!(format!("{qemu:<13}|"), "10.0-x86_64  |");
        assert!("odd".parse::<Qemu>().is_err() && "x-y".parse::<Qemu>().is_err());
        let older: Qemu = "7.2-x86_64".parse().unwrap();
        assert!(older < qemu);
        assert!(qemu.is_within(Some("10.0"), None) && !qemu.is_within(None, Some("10.0")));
    }
}
