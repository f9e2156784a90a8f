// SPDX-License-Identifier: GPL-2.0-or-later
//! The report as a file.

use std::path::{Path, PathBuf};

use mock_qmp::Leftovers;
use quick_junit::{NonSuccessKind, Report as Xml, TestCase, TestCaseStatus, TestSuite};

/// Where the report goes, and how it is written.
#[derive(Debug, Clone)]
pub struct Report {
    json: bool,
    path: PathBuf,
}

impl Report {
    /// Reads the two words of `--report`.
    pub fn read(words: &[String]) -> Result<Option<Self>, String> {
        match words {
            [] => Ok(None),
            [form, path] if form == "json" || form == "junit" => Ok(Some(Self {
                json: form == "json",
                path: path.into(),
            })),
            _ => Err("--report is given once, as json FILE or junit FILE".to_owned()),
        }
    }

    /// Writes it; a reader finds the whole file, or the one before.
    pub fn write(&self, leftovers: &Leftovers) -> Result<(), Box<dyn std::error::Error>> {
        let text = match self.json {
            true => json(leftovers)?,
            false => junit(leftovers)?,
        };
        let named = |error: std::io::Error| format!("{}: {error}", self.path.display());
        let beside = beside(&self.path);
        std::fs::write(&beside, text).map_err(named)?;
        Ok(std::fs::rename(&beside, &self.path).map_err(named)?)
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

fn json(leftovers: &Leftovers) -> serde_json::Result<String> {
    let report = serde_json::json!({
        "clean": leftovers.is_empty(),
        "text": leftovers.to_string(),
        "report": leftovers,
    });
    Ok(serde_json::to_string_pretty(&report)? + "\n")
}

/// A test for each thing that is wrong, or one that passed.
fn junit(leftovers: &Leftovers) -> Result<String, quick_junit::SerializeError> {
    let mut suite = TestSuite::new("mock-qmp");
    let failed = |name: String, text: String| {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message(text.clone()).set_description(text);
        TestCase::new(name, status)
    };
    for one in &leftovers.unmatched {
        let mut lines: Vec<String> = one.cause.iter().cloned().collect();
        lines.push(one.problem.clone());
        lines.extend(one.differences.iter().map(ToString::to_string));
        lines.extend(
            one.nearest
                .iter()
                .map(|nearest| format!("nearest: {nearest}")),
        );
        suite.add_test_case(failed(one.request.clone(), lines.join("\n")));
    }
    for moment in &leftovers.moments {
        suite.add_test_case(failed(moment.clone(), "never reached".to_owned()));
    }
    for fault in &leftovers.faults {
        suite.add_test_case(failed(fault.clone(), "fault never happened".to_owned()));
    }
    if leftovers.is_empty() {
        suite.add_test_case(TestCase::new("session", TestCaseStatus::success()));
    }
    let mut xml = Xml::new("mock-qmp");
    xml.add_test_suite(suite);
    xml.to_string()
}
