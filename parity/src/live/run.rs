// SPDX-License-Identifier: GPL-2.0-or-later
//! Runs cases: each line on the built-in monitor and on ours.

use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hmp_engine::command::route::Passthrough;
use hmp_engine::host::Risk;
use tokio::sync::Semaphore;
use tokio::task::LocalSet;
use tokio::time::sleep;

use super::accel::Accel;
use super::engine;
use super::pair::Pair;
use super::programs::Program;
use super::side::{Options, Ours, Side, Theirs};
use super::user::User;
use super::vm::{Vm, VmError};
use crate::case::{Case, FullStep, Probe};
use crate::judge::{Entry, KnownList, Verdict};

/// How the sides run.
#[derive(Clone, Debug, Default)]
pub struct Mode {
    /// Whether the built-in monitor may help us.
    pub native_only: bool,
    /// Our side.
    pub ours: Ours,
    /// How the built-in is asked.
    pub theirs: Theirs,
    /// What our side may risk.
    pub allow: Risk,
    /// What VMs run on, where their case leaves it open.
    pub accel: Option<Accel>,
}

/// Runs cases, each on its QEMU, `at_once` of them at a time; entries come in the order of the
/// cases.
pub async fn cases(
    cases: Vec<(Case, Program)>,
    mode: &Mode,
    at_once: usize,
    known: &mut KnownList,
) -> Vec<Entry> {
    let all = u32::try_from(at_once).unwrap_or(u32::MAX).clamp(1, 64);
    let places = Rc::new(Semaphore::new(all as usize));
    let mode = Rc::new(mode.clone());
    let runs = LocalSet::new();
    let running: Vec<_> = cases
        .into_iter()
        .map(|(case, program)| {
            let (places, mode) = (places.clone(), mode.clone());
            runs.spawn_local(async move {
                // Nobody closes the semaphore.
                let _place = places.acquire_many(if case.alone { all } else { 1 }).await;
                entries(&case, &program, &mode).await
            })
        })
        .collect();
    let mut entries = Vec::new();
    runs.run_until(async {
        for run in running {
            match run.await {
                Ok(more) => entries.extend(more),
                // A run is never cancelled, so it is a panic of this crate, which goes on here.
                Err(error) => {
                    if let Ok(panic) = error.try_into_panic() {
                        resume_unwind(panic);
                    }
                }
            }
        }
    })
    .await;
    known.excuse(&mut entries);
    entries
}

/// Runs one case on one QEMU.
pub async fn case(
    case: &Case,
    program: &Program,
    mode: &Mode,
    known: &mut KnownList,
) -> Vec<Entry> {
    let mut entries = entries(case, program, mode).await;
    known.excuse(&mut entries);
    entries
}

/// Nothing is lost: a case that could not run has an entry for each of its lines.
async fn entries(case: &Case, program: &Program, mode: &Mode) -> Vec<Entry> {
    let steps: Vec<FullStep> = case.steps_on(&program.qemu).collect();
    let mut entries = Vec::new();
    let failed = match run(case, program, mode, &steps, &mut entries).await {
        Ok(()) => None,
        Err(error) => Some(error.to_string()),
    };
    for step in &steps[entries.len()..] {
        let mut entry = blank(case, program, step);
        entry.note = failed
            .clone()
            .unwrap_or_else(|| "QEMU ended at an earlier line".into());
        entries.push(entry);
    }
    entries
}

/// The entry of a step that did not run yet.
fn blank(case: &Case, program: &Program, step: &FullStep) -> Entry {
    Entry {
        machine: case.machine().unwrap_or_default().to_owned(),
        ..Entry::new(&case.name, &program.qemu, &step.line)
    }
}

async fn run(
    case: &Case,
    program: &Program,
    mode: &Mode,
    steps: &[FullStep],
    entries: &mut Vec<Entry>,
) -> Result<(), VmError> {
    let mut case = case.clone();
    if let Some(accel) = mode.accel.filter(|_| Accel::is_open(&case.args)) {
        case.args.extend(accel.args());
    }
    let case = &case;
    let twin = async {
        match case.twins {
            true => Vm::start(case, program).await.map(Some),
            false => Ok(None),
        }
    };
    let (mut ours, mut twin) = tokio::try_join!(Vm::start(case, program), twin)?;
    sleep(Duration::from_millis(case.boot)).await;
    let user = Arc::new(User::default());
    let mut side = side(&ours, mode, user.clone()).await?;
    for step in steps {
        let mut entry = blank(case, program, step);
        let mut pair = Pair {
            ours: &mut ours,
            twin: twin.as_mut(),
            theirs: mode.theirs,
        };
        user.will_answer(step.answer.as_deref());
        user.types(&pair.ours.fill(&step.line));
        pair.step(step, &mut side, &mut entry).await;
        let mut dead = !ours.lives();
        dead |= twin.as_mut().is_some_and(|vm| !vm.lives());
        let meant = step.probe.iter().any(|p| matches!(p, Probe::Ends));
        if dead && !meant && entry.verdict != Verdict::NotRun {
            entry.verdict = Verdict::Different;
            entry.note = "QEMU ended".into();
        }
        entries.push(entry);
        if dead {
            break;
        }
    }
    side.end().await;
    ours.end().await;
    if let Some(twin) = twin {
        twin.end().await;
    }
    Ok(())
}

/// Our side on a VM.
async fn side(vm: &Vm, mode: &Mode, user: Arc<User>) -> Result<Side, VmError> {
    let passthrough = if mode.native_only {
        Passthrough::Never
    } else {
        Passthrough::Auto
    };
    let client = match &mode.ours {
        Ours::Engine => vm.qmp.clone(),
        Ours::Hmp(_) => vm.aux.clone(),
    };
    let monitor = engine::with(client, user, passthrough, mode.allow).await?;
    Ok(match &mode.ours {
        Ours::Engine => Side::engine(monitor),
        Ours::Hmp(program) => {
            let socket = vm.dir().join("rec.sock");
            let options = Options {
                native_only: mode.native_only,
                allow: mode.allow,
            };
            Side::hmp(monitor, program, &socket, options)?
        }
    })
}
