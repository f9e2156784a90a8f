// SPDX-License-Identifier: GPL-2.0-or-later
//! One line on one QEMU, with its verdict: a part of the JSON report, see docs/parity.md.

use hmp_engine::host::Risk;
use serde::{Deserialize, Serialize};

use super::compare::{Part, Side, marked};
use super::known::Judged;
use super::ran::RouteTaken;
use super::verdict::Verdict;
use crate::case::Qemu;

/// One line on one QEMU.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Entry {
    /// The case's name.
    pub case: String,
    /// The QEMU.
    pub qemu: Qemu,
    /// The machine type that the case asks for; empty where the report does not say it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub machine: String,
    /// The line, with `{dir}` as in the case.
    pub line: String,
    /// The command's full name; empty where the line names none.
    pub command: String,
    /// The route that our side took; an empty word in JSON where there is none.
    #[serde(with = "route_word")]
    pub route: Option<RouteTaken>,
    /// What our side may have risked, with the permission that the run gave.
    #[serde(default, skip_serializing_if = "is_safe")]
    pub risk: Risk,
    /// The verdict.
    pub verdict: Verdict,
    /// What kind of answer ours is; none where there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// How much of the built-in's answer a part of it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// What the built-in printed.
    pub builtin: String,
    /// What ours printed, without its notes.
    pub ours: String,
    /// What our answer says of itself that it lacks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The masks that made the answers alike.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub masks: Vec<String>,
    /// What the probes saw.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<Probed>,
    /// The lines that made the difference, behind `-` where the built-in's answer has them and
    /// behind `+` where ours has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<String>,
    /// Why the verdict is what it is, where the answers do not show it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// What kind of answer a line has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The command succeeded and printed something.
    Output,
    /// The command succeeded and printed nothing.
    Silent,
    /// The command succeeded, and as the case says, nothing shows what it changed.
    Unseen,
    /// The command failed.
    Error,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Output, Self::Silent, Self::Unseen, Self::Error];

    /// The word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Output => "output",
            Self::Silent => "silent",
            Self::Unseen => "unseen",
            Self::Error => "error",
        }
    }
}

/// What a probe saw on both sides.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Probed {
    /// The probe.
    pub probe: String,
    /// Whether both sides are alike.
    pub alike: bool,
    /// Whether both sides are another than before the line.
    #[serde(default)]
    pub changed: bool,
    /// The built-in's VM.
    pub builtin: String,
    /// Ours.
    pub ours: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_safe(risk: &Risk) -> bool {
    *risk == Risk::Safe
}

/// The number of lines that are kept of a difference.
const DIFFERENCES: usize = 40;

impl Entry {
    /// An entry for a line that did not run yet.
    #[must_use]
    pub fn new(case: &str, qemu: &Qemu, line: &str) -> Self {
        Self {
            case: case.to_owned(),
            qemu: qemu.clone(),
            machine: String::new(),
            line: line.to_owned(),
            command: String::new(),
            route: None,
            risk: Risk::Safe,
            verdict: Verdict::NotRun,
            kind: None,
            part: None,
            builtin: String::new(),
            ours: String::new(),
            notes: Vec::new(),
            masks: Vec::new(),
            probes: Vec::new(),
            differences: Vec::new(),
            note: String::new(),
        }
    }

    /// Whether our own code gave the built-in's answer to a command that succeeded.
    #[must_use]
    pub fn succeeds(&self) -> bool {
        self.verdict.passes() && matches!(self.kind, Some(Kind::Output | Kind::Silent))
    }

    /// Keeps the lines that made the difference.
    pub fn show(&mut self, differences: Vec<(Side, String)>) {
        self.differences = marked(differences);
        self.differences.truncate(DIFFERENCES);
    }

    /// Whether a native or a derived route gave the built-in's answer.
    #[must_use]
    pub fn passes_strictly(&self) -> bool {
        let own = matches!(self.route, Some(RouteTaken::Native | RouteTaken::Derived));
        self.verdict.passes() && own
    }

    /// Whether the line is neither different nor left out.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        !matches!(self.verdict, Verdict::Different | Verdict::NotRun)
    }
}

impl Judged for Entry {
    fn known_line(&self) -> String {
        self.line.clone()
    }

    fn qemu(&self) -> &Qemu {
        &self.qemu
    }

    fn judgement(&mut self) -> (&mut Verdict, &mut String) {
        (&mut self.verdict, &mut self.note)
    }
}

/// A route by its word.
mod route_word {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::RouteTaken;

    pub(super) fn serialize<S: Serializer>(
        route: &Option<RouteTaken>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(route.map_or("", RouteTaken::word))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<RouteTaken>, D::Error> {
        let word = String::deserialize(deserializer)?;
        match RouteTaken::of_word(&word) {
            None if !word.is_empty() => {
                Err(D::Error::custom(format!("no route is called {word:?}")))
            }
            route => Ok(route),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::sample;

    #[test]
    fn json_keeps_routes_as_words() {
        let mut entry = sample::entry("10.0-x86_64", "stop", "stop", Verdict::Identical);
        for (route, word) in [(Some(RouteTaken::Derived), "derived"), (None, "")] {
            entry.route = route;
            let json = serde_json::to_value(&entry).unwrap();
            assert_eq!(json["route"], word);
            let back: Entry = serde_json::from_value(json.clone()).unwrap();
            assert_eq!(back.route, route);
            let mut odd = json;
            odd["route"] = "sideways".into();
            assert!(serde_json::from_value::<Entry>(odd).is_err());
        }
    }
}
