// SPDX-License-Identifier: GPL-2.0-or-later
//! The observed behaviour of QEMU's QMP server, case by case, on the real QEMUs that
//! `HMP_TEST_QEMUS` names: it shows that the cases are true. `mock.rs` runs them on the mock.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::print_stderr, reason = "skipped tests say so")]

mod case;
mod client;
mod compare;
mod live_target;
mod place;
mod process;
mod regenerate;
mod run;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use libtest_mimic::{Arguments, Failed, Trial};

use crate::case::Case;
use crate::live_target::LiveTarget;
use crate::place::VERSIONS;

fn main() -> std::process::ExitCode {
    let qemus = qemus();
    if std::env::var_os("HMP_REGENERATE").is_some() {
        for (qemu, version) in &qemus {
            regenerate::record(qemu, version, &case::all());
        }
        return std::process::ExitCode::SUCCESS;
    }
    let mut trials = Vec::new();
    for (qemu, version) in &qemus {
        let shared = Arc::new(Mutex::new(HashMap::new()));
        for case in case::all() {
            let (qemu, version, shared) = (qemu.clone(), version.clone(), shared.clone());
            let name = format!("live {} {version}", case.name);
            trials.push(Trial::test(name, move || {
                on_qemu(&case, &qemu, &version, &shared)
            }));
        }
    }
    let arguments = Arguments::from_args();
    if qemus.is_empty() {
        eprintln!("skipped: no QEMU 10.0 or 11.1 (HMP_TEST_QEMUS, qemu-system-x86_64)");
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The real QEMUs to test, as far as the cases hold their behaviour.
fn qemus() -> Vec<(PathBuf, String)> {
    let listed =
        std::env::var("HMP_TEST_QEMUS").unwrap_or_else(|_| "qemu-system-x86_64".to_owned());
    let paths = listed
        .split(':')
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    let versions =
        paths.filter_map(|path| live_target::version(&path).map(|version| (path, version)));
    let x86 = |path: &Path| path.to_string_lossy().ends_with("x86_64");
    versions
        .filter(|(path, version)| x86(path) && VERSIONS.contains(&version.as_str()))
        .collect()
}

/// Cases that leave the machine as it was share one.
type SharedMachines = Mutex<HashMap<String, LiveTarget>>;

fn on_qemu(case: &Case, qemu: &Path, version: &str, shared: &SharedMachines) -> Result<(), Failed> {
    let new_dialect = version.starts_with("11");
    if case.vm != "prelaunch" || case.patience.is_some() {
        return Ok(run::run(
            case,
            &mut LiveTarget::start(qemu, &case.vm),
            new_dialect,
        )?);
    }
    let mut machines = shared
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let machine = machines
        .entry(version.to_owned())
        .or_insert_with(|| LiveTarget::start(qemu, "prelaunch"));
    Ok(run::run(case, machine, new_dialect)?)
}
