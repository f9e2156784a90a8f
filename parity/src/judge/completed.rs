// SPDX-License-Identifier: GPL-2.0-or-later
//! What TAB did with one prefix on one QEMU: a part of the JSON report, see docs/parity.md.
//!
//! Compared are the line after the first and after the second TAB, and the words listed, in their
//! order. How a list is laid out is the terminal's business on our side.

use serde::{Deserialize, Serialize};

use super::known::Judged;
use super::verdict::Verdict;
use crate::case::Qemu;

/// What TAB did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tab {
    /// The line behind it.
    pub line: String,
    /// The words listed, in their order; empty where nothing was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub list: Vec<String>,
}

impl Tab {
    /// The same with one text for another in all of it, such as `{dir}` for a directory.
    #[must_use]
    pub fn replaced(&self, from: &str, to: &str) -> Self {
        Self {
            line: self.line.replace(from, to),
            list: self.list.iter().map(|w| w.replace(from, to)).collect(),
        }
    }
}

/// What ours made of a prefix with two TABs.
#[derive(Clone, Debug, Default)]
pub struct Tabs {
    /// What is completed: the kind of argument.
    pub kind: &'static str,
    /// Whether names of files were looked up.
    pub files: bool,
    /// With one TAB and with two.
    pub tabs: [Tab; 2],
}

/// One prefix on one QEMU.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Completed {
    /// The QEMU.
    pub qemu: Qemu,
    /// The prefix, with `{dir}` as in the list.
    pub prefix: String,
    /// What is completed: the kind of argument.
    #[serde(default)]
    pub kind: String,
    /// `identical`, `known`, `different` or `not-run`.
    pub verdict: Verdict,
    /// What the built-in made of it with one TAB and with two.
    pub builtin: Vec<Tab>,
    /// What ours made of it.
    pub ours: Vec<Tab>,
    /// Why the verdict is what it is, where the answers do not show it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Completed {
    /// A prefix that was not tried, and why.
    #[must_use]
    pub fn not_run(qemu: &Qemu, prefix: &str, why: &str) -> Self {
        Self {
            qemu: qemu.clone(),
            prefix: prefix.to_owned(),
            kind: String::new(),
            verdict: Verdict::NotRun,
            builtin: Vec::new(),
            ours: Vec::new(),
            note: why.to_owned(),
        }
    }

    /// Compares what both made of a prefix; the directory `dir` is shown as `{dir}`. Where ours
    /// panicked, its error is the panic's text.
    #[must_use]
    pub fn of(
        qemu: &Qemu,
        prefix: &str,
        builtin: &[Tab; 2],
        ours: Result<Tabs, String>,
        dir: &str,
    ) -> Self {
        let scrub = |tabs: &[Tab; 2]| tabs.iter().map(|t| t.replaced(dir, "{dir}")).collect();
        let blank = Self {
            verdict: Verdict::Different,
            builtin: scrub(builtin),
            ..Self::not_run(qemu, prefix, "")
        };
        match ours {
            Ok(ours) => Self {
                verdict: match ours.tabs == *builtin {
                    true => Verdict::Identical,
                    false => Verdict::Different,
                },
                kind: ours.kind.to_owned(),
                ours: scrub(&ours.tabs),
                ..blank
            },
            Err(panic) => Self {
                note: format!("completion panicked: {panic}"),
                ..blank
            },
        }
    }

    /// Whether nothing is different or left out.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        matches!(self.verdict, Verdict::Identical | Verdict::Known)
    }
}

impl Judged for Completed {
    fn known_line(&self) -> String {
        format!("TAB {}", self.prefix)
    }

    fn qemu(&self) -> &Qemu {
        &self.qemu
    }

    fn judgement(&mut self) -> (&mut Verdict, &mut String) {
        (&mut self.verdict, &mut self.note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::sample;

    #[test]
    fn one_word_too_many_is_a_difference() {
        let tabs = |words: &[&str]| {
            let tab = Tab {
                line: "stop".into(),
                list: words.iter().map(|&w| w.to_owned()).collect(),
            };
            [tab.clone(), tab]
        };
        let verdict = |ours: &[&str]| {
            let qemu = sample::qemu("10.0-x86_64");
            let ours = Tabs {
                kind: "command",
                files: false,
                tabs: tabs(ours),
            };
            Completed::of(&qemu, "s", &tabs(&["a", "b"]), Ok(ours), "/x").verdict
        };
        assert_eq!(verdict(&["a", "b"]), Verdict::Identical);
        assert_eq!(verdict(&["a", "b", "c"]), Verdict::Different);
        assert_eq!(verdict(&["b", "a"]), Verdict::Different);
    }
}
