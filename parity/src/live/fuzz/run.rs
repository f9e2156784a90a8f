// SPDX-License-Identifier: GPL-2.0-or-later
//! Tries random lines on both monitors.

use hmp_engine::command::nature::Effect;
use hmp_engine::engine::Monitor;
use hmp_engine::table;

use super::found::{Difference, Found, kind};
use super::generate::Generator;
use crate::case::Case;
use crate::judge::compare::Expected;
use crate::judge::{Outcome, Plan, Refusal, RouteTaken, Verdict, adapter, ladder};
use crate::live::answers;
use crate::live::engine;
use crate::live::panics::caught;
use crate::live::programs::Program;
use crate::live::side::Theirs;
use crate::live::vm::{Vm, VmError, is_typed};

/// Commands that only look and whose answer is not compared here: it changes while nothing happens,
/// takes long, or is that of a device.
const MAY_NOT_RUN: &[&str] = &[
    "clear",
    "qom-get",
    "sum",
    "x",
    "xp",
    "info mtree",
    "info qtree",
    "info qom-tree",
    "info qdm",
    "info history",
    "info cpus",
    "info network",
    "info usernet",
    "info trace-events",
];

/// One line in so many is tried before there is a machine, where few commands are available.
const EARLY: usize = 12;

/// Most differences reported; more are of the same kind.
const MOST: usize = 50;

/// Starts VMs that are paused and tries `count` lines on them, some before there is a machine.
pub async fn on(program: &Program, seed: u64, count: usize) -> Result<Found, VmError> {
    let mut found = Found::default();
    try_on(program, MACHINE, seed, count - count / EARLY, &mut found).await?;
    try_on(program, PRECONFIG, seed, count / EARLY, &mut found).await?;
    Ok(found)
}

const MACHINE: &str = r#"
about = "a VM for fuzzing"
args = ["-M", "q35", "-S", "-smp", "2", "-name", "fuzz"]
steps = []
"#;

const PRECONFIG: &str = r#"
about = "a VM without a machine"
args = ["-M", "q35", "-S", "--preconfig"]
steps = []
"#;

async fn try_on(
    program: &Program,
    case: &str,
    seed: u64,
    count: usize,
    found: &mut Found,
) -> Result<(), VmError> {
    let case: Case = toml::from_str(case).map_err(|e| VmError::Failed(e.to_string()))?;
    let mut vm = Vm::start(&case, program).await?;
    let result = run(&mut vm, seed, count, found).await;
    vm.end().await;
    result
}

async fn run(vm: &mut Vm, seed: u64, count: usize, found: &mut Found) -> Result<(), VmError> {
    let mut monitor = engine::native(vm.qmp.clone()).await?;
    let mut generator = Generator::new(seed, monitor.rows(), monitor.caps().version);
    let names: Vec<String> = generator.names().collect();
    // Before there is a machine the target need not be known, and rows of others are among them.
    for name in names.iter().filter(|_| !monitor.caps().preconfig) {
        found.rows.entry(name.clone()).or_default();
    }
    // Lines that were of use and lines made, by row: the row with the fewest comes next.
    let mut shares = vec![(0, 0); names.len()];
    let mut tried = 0;
    while tried < count && found.differences.len() < MOST {
        let least = shares.iter().enumerate().min_by_key(|(_, share)| **share);
        let Some((row, _)) = least else { break };
        let line = generator.line(row);
        let share = &mut shares[row];
        share.1 += 1;
        if usize::is_multiple_of(share.1, PATIENCE) {
            share.0 += 1;
        }
        let plan = plan(&monitor, &line);
        let command = match plan.command.as_str() {
            "" if is_unavailable(&plan, &names[row]) => names[row].clone(),
            command => command.to_owned(),
        };
        // In preconfig there is no human-monitor-command.
        if !is_harmless(&plan) || monitor.caps().preconfig && !is_typed(&line) {
            found.accepted += 1;
            continue;
        }
        let answers = both(vm, &mut monitor, &line).await;
        let answers = answers.map_err(|e| VmError::Failed(format!("{line:?}: {e}")))?;
        let Some((builtin, ours, same)) = answers else {
            found.accepted += 1;
            continue;
        };
        tried += 1;
        found.lines += 1;
        if command == names[row] {
            shares[row].0 += 1;
        }
        if let Some(count) = found.rows.get_mut(&command) {
            *count += 1;
        }
        if let Some(error) = &plan.error {
            *found.errors.entry(kind(error)).or_default() += 1;
        }
        if !same {
            let difference = Difference {
                line,
                builtin,
                ours,
            };
            let difference = shortest(vm, &mut monitor, difference).await?;
            found.differences.push(difference);
        }
    }
    Ok(())
}

/// A row whose lines are mostly right ones, which must not run, counts one after so many, so that
/// others get their turn.
const PATIENCE: usize = 40;

/// Whether the answer is that this command is not available, before the line is read.
fn is_unavailable(plan: &Plan, command: &str) -> bool {
    let unavailable = format!("Command '{command}' not available");
    plan.error
        .as_deref()
        .is_some_and(|e| e.starts_with(&unavailable))
}

/// Whether a line can do no harm: it is wrong, blank, or of a command that only looks.
pub(crate) fn may_run(monitor: &Monitor, line: &str) -> bool {
    is_harmless(&plan(monitor, line))
}

fn is_harmless(plan: &Plan) -> bool {
    let command = plan.command.as_str();
    match plan.route {
        None => plan.refusal != Some(Refusal::Harm),
        Some(RouteTaken::Refused | RouteTaken::Partial) => false,
        Some(_) if plan.has_hazards => false,
        Some(_) => {
            command.is_empty()
                || table::named(command).is_some_and(|row| row.effect == Effect::Looks)
                    && !MAY_NOT_RUN.contains(&command)
        }
    }
}

fn plan(monitor: &Monitor, line: &str) -> Plan {
    adapter::plan(&monitor.explain(line))
}

/// Both answers and whether they are alike; none where the built-in has not loaded the command's
/// module, which no QMP command says.
async fn both(
    vm: &mut Vm,
    monitor: &mut Monitor,
    line: &str,
) -> Result<Option<(String, String, bool)>, VmError> {
    let plan = plan(monitor, line);
    let mut text = String::new();
    let ran = match caught(monitor.run_line(line, &mut text)).await {
        Ok(ran) => adapter::ran(plan, ran, text),
        Err(panic) => adapter::unanswered(plan, Outcome::Panicked(panic.clone()), panic),
    };
    // A NUL ends a line, and QMP refuses it.
    let typed = line.split('\0').next().unwrap_or(line);
    let (builtin, again) = answers::on(vm, Theirs::Socket, typed, &ran.text).await?;
    // The sentences of help are our own; what it does not know is said in the built-in's words.
    let is_help = ran.command == "help";
    if is_help && !(ran.text.is_empty() || ran.text.starts_with("unknown command")) {
        return Ok(None);
    }
    let expected = Expected::Same {
        first: &builtin,
        again: &again,
    };
    let verdict = ladder::verdict(&ran, &ladder::compare(&ran, expected));
    let same = verdict != Verdict::Different;
    if !same && builtin.starts_with("Command \"") {
        return Ok(None);
    }
    Ok(Some((builtin, ran.text, same)))
}

/// Leaves out words, then characters, as long as the difference stays.
async fn shortest(
    vm: &mut Vm,
    monitor: &mut Monitor,
    mut difference: Difference,
) -> Result<Difference, VmError> {
    let mut at = 0;
    while at < difference.line.chars().count() && difference.line.len() < 4096 {
        let line: String = difference
            .line
            .chars()
            .enumerate()
            .filter(|(i, _)| *i != at)
            .map(|(_, c)| c)
            .collect();
        if !may_run(monitor, &line) {
            at += 1;
            continue;
        }
        match both(vm, monitor, &line).await? {
            Some((builtin, ours, false)) => {
                difference = Difference {
                    line,
                    builtin,
                    ours,
                };
            }
            _ => at += 1,
        }
    }
    Ok(difference)
}
