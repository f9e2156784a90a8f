// SPDX-License-Identifier: GPL-2.0-or-later
//! Everything that a run found.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::case::Qemu;
use crate::judge::{Completed, Entry, Verdict};
use crate::tables::forecast::Forecast;
use crate::tables::gaps::Gap;

/// The version of the JSON form; any change of its meaning raises it.
pub const FORMAT: u32 = 2;

/// Everything a run found. Its JSON form is documented in docs/parity.md.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// [`FORMAT`].
    pub format: u32,
    /// Whether the built-in monitor was forbidden to our side.
    pub native_only: bool,
    /// Who answered.
    #[serde(default)]
    pub sides: Sides,
    /// One entry a line, in the order of the runs.
    pub entries: Vec<Entry>,
    /// What TAB did, one a prefix.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub completions: Vec<Completed>,
    /// Which routes commands would take on QEMUs whose schemas are at hand, whatever ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Forecast>,
    /// The interfaces that QEMU lacks for what ran, by rank.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// The day of the run, as it was given; empty where it was not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub date: String,
    /// The revision that ran, as it was given; empty where it was not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub revision: String,
    /// The builds of each QEMU: version and package.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub builds: BTreeMap<Qemu, BTreeSet<String>>,
    /// Entries of `known.toml` that are no longer true.
    pub stale: Vec<String>,
}

/// Who answered on both sides.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sides {
    /// `engine` or `hmp`.
    pub ours: String,
    /// `socket`, `human-monitor-command` or `recording`.
    pub builtin: String,
}

impl Default for Sides {
    fn default() -> Self {
        Self {
            ours: "engine".into(),
            builtin: "socket".into(),
        }
    }
}

/// Lines by verdict.
pub type Totals = BTreeMap<Verdict, usize>;

impl Report {
    /// A report of these lines alone, as a run without the built-in's help makes it.
    #[must_use]
    pub fn of(entries: Vec<Entry>) -> Self {
        Self {
            format: FORMAT,
            native_only: true,
            sides: Sides::default(),
            entries,
            completions: Vec::new(),
            coverage: None,
            gaps: Vec::new(),
            date: String::new(),
            revision: String::new(),
            builds: BTreeMap::new(),
            stale: Vec::new(),
        }
    }

    /// Lines by verdict, for each QEMU.
    #[must_use]
    pub fn totals(&self) -> BTreeMap<&Qemu, Totals> {
        let mut totals: BTreeMap<&Qemu, Totals> = BTreeMap::new();
        for entry in &self.entries {
            let of_qemu = totals.entry(&entry.qemu).or_default();
            *of_qemu.entry(entry.verdict).or_default() += 1;
        }
        totals
    }

    /// Whether nothing is different, stale or left out.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.stale.is_empty()
            && !self.entries.is_empty()
            && self.completions.iter().all(Completed::is_clean)
            && self.entries.iter().all(Entry::is_clean)
    }
}
