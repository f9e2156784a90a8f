// SPDX-License-Identifier: GPL-2.0-or-later
//! Which commands the cases try, and how: with arguments that are right, and with mistakes.

use std::collections::BTreeMap;
use std::sync::Arc;

use hmp_engine::engine::Monitor;
use hmp_engine::table::{INFO, MAIN};

use super::offered::at_most;
use super::stuck::Nobody;
use crate::case::{Case, Qemu};
use crate::judge::adapter;

/// How the cases try a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// Lines that are read without an error.
    pub right: usize,
    /// Lines with a mistake that the command's argument rules find.
    pub wrong: usize,
}

/// Lines by command, as the newest QEMU that has them reads them. Every command of the tables is
/// there.
#[must_use]
pub fn tried(cases: &[Case]) -> BTreeMap<String, Tried> {
    let mut found: BTreeMap<String, Tried> = BTreeMap::new();
    for (prefix, rows) in [("", MAIN), ("info ", INFO)] {
        for row in rows {
            let name = row.names().next().unwrap_or_default();
            found.insert(format!("{prefix}{name}"), Tried::default());
        }
    }
    let qemus = QEMUS.iter().filter_map(|label| label.parse::<Qemu>().ok());
    for qemu in qemus {
        let monitor = Monitor::builder(Arc::new(Nobody)).build_with(at_most(&qemu));
        // What programs are at hand decides nothing here.
        let cases = cases.iter().map(|case| Case {
            needs: Vec::new(),
            ..case.clone()
        });
        for case in cases.filter(|case| case.suits(&qemu)) {
            for step in case.steps_on(&qemu) {
                let plan = adapter::plan(&monitor.explain(&step.line));
                if plan.command.is_empty() {
                    continue;
                }
                let tried = found.entry(plan.command).or_default();
                if plan.is_read {
                    tried.right += 1;
                } else {
                    tried.wrong += 1;
                }
            }
        }
    }
    found
}

/// The QEMUs that cases are written for.
const QEMUS: &[&str] = &[
    "7.2-x86_64",
    "10.0-x86_64",
    "11.1-x86_64",
    "10.0-aarch64",
    "10.0-riscv64",
    "10.0-s390x",
    "10.0-ppc64",
    "10.0-arm",
];
