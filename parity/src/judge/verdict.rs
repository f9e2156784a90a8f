// SPDX-License-Identifier: GPL-2.0-or-later
//! Verdicts: what a line is worth.

use serde::{Deserialize, Serialize};

/// The verdict on one line, best first. A total is as good as its worst line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Byte for byte alike, and where nothing is printed, the same effect.
    Identical,
    /// Alike behind the masks.
    Masked,
    /// Different each time by nature; the shape is alike.
    Volatile,
    /// Different as `known.toml` says it is.
    Known,
    /// Answered by the built-in monitor through passthrough: nothing of ours was tried.
    Passthrough,
    /// Part of the answer, by design.
    Partial,
    /// QMP has no interface for it.
    Blocked,
    /// Not run because it would harm this QEMU.
    Refused,
    /// Ours to convert.
    Pending,
    /// Not run.
    NotRun,
    /// Different.
    Different,
}

impl Verdict {
    /// All of them, best first.
    pub const ALL: [Self; 11] = [
        Self::Identical,
        Self::Masked,
        Self::Volatile,
        Self::Known,
        Self::Passthrough,
        Self::Partial,
        Self::Blocked,
        Self::Refused,
        Self::Pending,
        Self::NotRun,
        Self::Different,
    ];

    /// The word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::Masked => "masked",
            Self::Volatile => "volatile",
            Self::Known => "known",
            Self::Passthrough => "passthrough",
            Self::Partial => "partial",
            Self::Blocked => "blocked",
            Self::Refused => "refused",
            Self::Pending => "pending",
            Self::NotRun => "not-run",
            Self::Different => "different",
        }
    }

    /// Whether our own code gave the built-in's answer.
    #[must_use]
    pub fn passes(self) -> bool {
        matches!(self, Self::Identical | Self::Masked | Self::Volatile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_from_best_to_worst() {
        assert!(Verdict::ALL.is_sorted());
        assert_eq!(Verdict::ALL.iter().filter(|v| v.passes()).count(), 3);
    }
}
