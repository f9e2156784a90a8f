// SPDX-License-Identifier: GPL-2.0-or-later
//! The observed behaviour of QEMU's QMP server, case by case, on the mock for QEMU 10.0 and 11.1.
//! `live.rs` runs the same cases on real QEMUs.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod case;
mod client;
mod compare;
mod mock_target;
mod place;
mod process;
mod run;

use libtest_mimic::{Arguments, Failed, Trial};
use mock_qmp::Recording;

use crate::case::Case;
use crate::mock_target::MockTarget;
use crate::place::{VERSIONS, folder, topic};

/// Cases that the mock does not do, and why.
const EXCUSED: &[(&str, &str)] = &[(
    "monitor-object 11.1.3",
    "monitors that are made at run time serve no socket of their own",
)];

fn main() -> std::process::ExitCode {
    let mut trials = Vec::new();
    for case in case::all() {
        for version in VERSIONS {
            let case = case.clone();
            let name = format!("{} {version}", case.name);
            let excused = EXCUSED.iter().any(|(excused, _)| *excused == name);
            let trial = Trial::test(format!("mock {name}"), move || on_mock(&case, version));
            trials.push(trial.with_ignored_flag(excused));
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn on_mock(case: &Case, version: &str) -> Result<(), Failed> {
    let file = folder(version, &case.vm).join(format!("{}.qmp", topic(&case.vm)));
    let recording = Recording::load(&file).map_err(|error| error.to_string())?;
    let mut target = if case.steps.iter().any(|step| step.signal.is_some()) {
        MockTarget::spawn(&file)
    } else {
        MockTarget::serve(recording)
    };
    Ok(run::run(case, &mut target, version.starts_with("11"))?)
}
