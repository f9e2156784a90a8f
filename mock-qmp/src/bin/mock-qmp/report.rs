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
    /// Reads the words of each `--report`.
    pub fn read(words: &[String]) -> Result<Vec<Self>, String> {
        let pairs = words.chunks(2);
        let read = pairs.map(|pair| match pair {
            [form, path] if form == "json" || form == "junit" => Ok(Self {
                json: form == "json",
                path: path.into(),
            }),
            [form, ..] => Err(format!("--report: '{form}' is neither json nor junit")),
            [] => Err("--report takes json FILE or junit FILE".to_owned()),
        });
        read.collect()
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
    let failed = |name: String, message: &str, text: &str| {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message(message).set_description(text);
        TestCase::new(name, status)
    };
    for one in &leftovers.unmatched {
        let mut lines: Vec<String> = one.cause.iter().cloned().collect();
        lines.extend(one.differences.iter().map(ToString::to_string));
        lines.extend(
            one.nearest
                .iter()
                .map(|nearest| format!("nearest: {nearest}")),
        );
        suite.add_test_case(failed(one.request.clone(), &one.problem, &lines.join("\n")));
    }
    for moment in &leftovers.moments {
        suite.add_test_case(failed(moment.clone(), "never reached", ""));
    }
    for fault in &leftovers.faults {
        suite.add_test_case(failed(fault.clone(), "fault never happened", ""));
    }
    if leftovers.is_empty() {
        suite.add_test_case(TestCase::new("session", TestCaseStatus::success()));
    }
    let mut xml = Xml::new("mock-qmp");
    xml.add_test_suite(suite);
    xml.to_string()
}
