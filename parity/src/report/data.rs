//! What a run found: plain data first, pages second.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::case::Case;
use crate::judge::compare::Verdict;
use crate::live::complete::Completed;
use crate::live::qemu::Qemu;
use crate::tables::forecast::Forecast;

/// The version of the JSON form; any change of its meaning raises it.
pub const FORMAT: u32 = 1;

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

/// One line on one QEMU.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Entry {
    /// The case's name.
    pub case: String,
    /// The QEMU's label: release and target.
    pub qemu: String,
    /// The machine type that the case asks for; empty where the report does not say it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub machine: String,
    /// The line, with `{dir}` as in the case.
    pub line: String,
    /// The command's full name; empty where the line names none.
    pub command: String,
    /// The route that our side took.
    pub route: String,
    /// The verdict.
    pub verdict: Verdict,
    /// What the built-in printed.
    pub builtin: String,
    /// What ours printed.
    pub ours: String,
    /// The masks that made the answers alike.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub masks: Vec<String>,
    /// What the probes saw.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<Probed>,
    /// Why the verdict is what it is, where the answers do not show it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// What a probe saw on both sides.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Probed {
    /// The probe.
    pub probe: String,
    /// Whether both sides are alike.
    pub alike: bool,
    /// The built-in's VM.
    pub builtin: String,
    /// Ours.
    pub ours: String,
}

impl Entry {
    /// An entry for a line that did not run yet.
    #[must_use]
    pub fn new(case: &Case, qemu: &Qemu, line: &str) -> Self {
        Self {
            case: case.name.clone(),
            qemu: qemu.label(),
            machine: machine(case).to_owned(),
            line: line.to_owned(),
            ..Self::blank()
        }
    }

    /// Whether a native or a derived route gave the built-in's answer.
    #[must_use]
    pub fn passes_strictly(&self) -> bool {
        self.verdict.passes() && matches!(self.route.as_str(), "native" | "derived")
    }

    /// An entry that says nothing yet.
    #[must_use]
    pub fn blank() -> Self {
        Self {
            case: String::new(),
            qemu: String::new(),
            machine: String::new(),
            line: String::new(),
            command: String::new(),
            route: String::new(),
            verdict: Verdict::NotRun,
            builtin: String::new(),
            ours: String::new(),
            masks: Vec::new(),
            probes: Vec::new(),
            note: String::new(),
        }
    }
}

/// The type behind `-M` or `-machine`.
fn machine(case: &Case) -> &str {
    let at = case.args.iter().position(|a| a == "-M" || a == "-machine");
    let value = at.and_then(|at| case.args.get(at + 1));
    value.map_or("", |v| v.split(',').next().unwrap_or(v))
}

/// Lines by verdict.
pub type Totals = BTreeMap<Verdict, usize>;

impl Report {
    /// Lines by verdict, for each QEMU.
    #[must_use]
    pub fn totals(&self) -> BTreeMap<&str, Totals> {
        let mut totals: BTreeMap<&str, Totals> = BTreeMap::new();
        for entry in &self.entries {
            let of_qemu = totals.entry(&entry.qemu).or_default();
            *of_qemu.entry(entry.verdict).or_default() += 1;
        }
        totals
    }

    /// Whether nothing is different, stale or left out.
    #[must_use]
    pub fn clean(&self) -> bool {
        self.stale.is_empty()
            && !self.entries.is_empty()
            && self.completions.iter().all(Completed::clean)
            && self
                .entries
                .iter()
                .all(|e| !matches!(e.verdict, Verdict::Different | Verdict::NotRun))
    }
}
