// SPDX-License-Identifier: GPL-2.0-or-later
//! The report as JUnit XML: a suite for each case and QEMU, a test for each line.

use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::Report;
use crate::judge::{Entry, Verdict};

/// The XML text. Lines that are not ours to answer count as skipped, never as passed.
pub fn render(report: &Report) -> Result<String, quick_junit::SerializeError> {
    let mut suites: BTreeMap<String, TestSuite> = BTreeMap::new();
    for (number, entry) in report.entries.iter().enumerate() {
        let name = format!("{} {}", entry.qemu, entry.case);
        let suite = suites
            .entry(name.clone())
            .or_insert_with(|| TestSuite::new(name));
        let test = format!("{number} {}", entry.line);
        suite.add_test_case(TestCase::new(test, status(entry)));
    }
    let mut xml = quick_junit::Report::new("parity");
    xml.add_test_suites(suites.into_values());
    xml.to_string()
}

fn status(entry: &Entry) -> TestCaseStatus {
    match entry.verdict {
        Verdict::Identical | Verdict::Masked | Verdict::Volatile => TestCaseStatus::success(),
        Verdict::Different | Verdict::NotRun => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status
                .set_type(entry.verdict.word())
                .set_message(&entry.note)
                .set_description(format!(
                    "built-in:\n{}\nours:\n{}\n",
                    entry.builtin, entry.ours
                ));
            status
        }
        other => {
            let mut status = TestCaseStatus::skipped();
            status.set_type(other.word()).set_message(&entry.note);
            status
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::sample;

    #[test]
    fn only_our_own_right_answers_pass() {
        let entries = Verdict::ALL.map(|verdict| Entry {
            ours: "<&\u{1b}".into(),
            ..sample::entry("10.0-x86_64", verdict.word(), "", verdict)
        });
        let report = Report::of(entries.into());
        let xml = render(&report).unwrap();
        assert!(xml.contains(r#"tests="11" skipped="6""#), "{xml}");
        assert!(xml.contains(r#"failures="2""#), "{xml}");
    }
}
