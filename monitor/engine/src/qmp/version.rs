// SPDX-License-Identifier: GPL-2.0-or-later
//! QEMU versions, as `query-version` reports them.

use std::fmt;

/// A QEMU release, ordered as releases are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The first number: a new one every year.
    pub major: u32,
    /// The second number: the release within the year.
    pub minor: u32,
    /// The third number: the stable update; 50 and more on development trees.
    pub micro: u32,
}

impl Version {
    /// Older than every QEMU.
    pub const FIRST: Self = v(0, 0);
    /// Newer than every QEMU.
    pub const NEVER: Self = v(u32::MAX, 0);
}

/// `v(10, 1)` is QEMU 10.1.0.
#[must_use]
pub const fn v(major: u32, minor: u32) -> Version {
    Version {
        major,
        minor,
        micro: 0,
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.micro)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_ordered_by_number_and_not_by_text() {
        assert!(v(7, 2) < v(10, 0));
        assert!(v(10, 0) < v(10, 2));
        assert!(Version::FIRST < v(2, 0) && v(11, 1) < Version::NEVER);
    }
}
