// SPDX-License-Identifier: GPL-2.0-or-later
//! What came of one line in one mode.

use serde::Serialize;

use crate::case::Qemu;
use crate::judge::compare::Part;
use crate::judge::known::Judged;
use crate::judge::{RouteTaken, Verdict};

/// How ours is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asked {
    /// As users have it: where its own route is missing or partial, the built-in helps.
    Default,
    /// Without the built-in.
    NativeOnly,
}

impl Asked {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Default, Self::NativeOnly];

    /// The word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::NativeOnly => "native-only",
        }
    }
}

/// What came of one line in one mode.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Answer {
    /// The number of the machine.
    pub machine: usize,
    /// The QEMU.
    pub qemu: Qemu,
    /// The line.
    pub line: String,
    /// The command's full name.
    pub command: String,
    /// The mode.
    pub asked: Asked,
    /// The route that ours took, as a word.
    #[serde(serialize_with = "word")]
    pub route: Option<RouteTaken>,
    /// The verdict.
    pub verdict: Verdict,
    /// How much a part shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// The masks that made the answers alike.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub masks: Vec<&'static str>,
    /// What the built-in printed before ours was asked, and after; kept where the verdict is not a
    /// clean one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub builtin: Option<[String; 2]>,
    /// What ours printed; kept where the verdict is not a clean one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ours: Option<String>,
    /// The lines that made the difference: behind `-` the built-in's, behind `+` ours.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<String>,
    /// Why the verdict is what it is, where the answers do not show it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Answer {
    /// Whether the line is neither different nor left out.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        !matches!(self.verdict, Verdict::Different | Verdict::NotRun)
    }
}

impl Judged for Answer {
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

fn word<S: serde::Serializer>(route: &Option<RouteTaken>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(route.map_or("", RouteTaken::word))
}
