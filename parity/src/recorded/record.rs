// SPDX-License-Identifier: GPL-2.0-or-later
//! Records cases: the QMP session of our engine, and the built-in monitor's text at the same
//! moments.

use std::iter;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hmp_engine::engine::{Decision, Monitor};
use hmp_engine::qmp::Qmp;
use mock_qmp::record::{Proxy, Recorder};
use mock_qmp::recording::{BuiltinLine, scrub_line};
use serde_json::Value;
use tokio::time::sleep;

use super::session::{DIR, folder_name, machine, through, tidy};
use crate::case::Case;
use crate::judge::{Refusal, RouteTaken, adapter};
use crate::live::programs::Program;
use crate::live::side::Theirs;
use crate::live::vm::{Vm, VmError, in_dir};
use crate::live::{answers, engine};

/// Bytes that are kept of a file that QEMU wrote: of dumps and lists of all memory the beginning is
/// enough.
const KEPT: usize = 128 << 10;

/// Commands whose answers are help sentences of QEMU's, or the lines that were typed, which a replay
/// does not know.
const LEFT_OUT: &[&str] = &["help", "info", "info history"];

/// How long an event may take that a step waits for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether a line means something else without what may be a secret in it, so that a replay would
/// be of another line.
fn loses_more_than_a_secret(monitor: &Monitor, line: &str) -> bool {
    let scrubbed = scrub_line(line);
    if scrubbed == line {
        return false;
    }
    let (whole, left) = (monitor.explain(line), monitor.explain(&scrubbed));
    let values = |decision: &Decision| -> Vec<Value> {
        let arguments = decision.arguments.iter().flatten();
        arguments.map(|(_, value)| value.clone()).collect()
    };
    let (whole_values, values) = (values(&whole), values(&left));
    let lost = whole_values.iter().zip(&values).filter(|(a, b)| a != b);
    whole.error != left.error || whole_values.len() != values.len() || lost.count() > 1
}

/// The file of a case's recorded QMP session on a QEMU, below `out`.
#[must_use]
pub fn topic(case: &Case, program: &Program, out: &Path) -> PathBuf {
    let folder = out.join(folder_name(case, program));
    folder.join(&case.name).with_extension("qmp")
}

/// Records `case` on `qemu` as a topic of a folder below `out`; returns the folder.
///
/// Only what needs no help of the built-in monitor is recorded. Two recordings can't be made at
/// once on one machine.
pub async fn record(case: &Case, program: &Program, out: &Path) -> Result<PathBuf, VmError> {
    let mut ours = Vm::start_in(case, program, Path::new(DIR)).await?;
    let twin_dir = format!("{DIR}.twin");
    let mut twin = match case.twins {
        true => Some(Vm::start_in(case, program, Path::new(&twin_dir)).await?),
        false => None,
    };
    sleep(Duration::from_millis(case.boot)).await;

    let machine = machine(case, program);
    let name = folder_name(case, program);
    let failed = |e: &dyn std::fmt::Display| VmError::Failed(e.to_string());
    let mut recorder =
        Recorder::create(out.join(&name), machine, &case.name).map_err(|e| failed(&e))?;
    recorder.keep_content(KEPT);
    recorder.note(&format!("arguments: {}", case.args.join(" ")));
    if let Ok(schema) = ours.aux.execute("query-qmp-schema", Value::Null).await {
        recorder
            .schema(&schema.to_string())
            .map_err(|e| failed(&e))?;
    }
    let recorder = Proxy::new(recorder);

    let (client, passing) = through(&recorder, &ours).await?;
    let mut monitor = engine::native(client.clone()).await?;

    for step in case.steps_on(&program.qemu) {
        // Help texts of the built-in are not stored, and a replay has no user to ask for a
        // password.
        let plan = adapter::plan(&monitor.explain(&step.line));
        let left_out = LEFT_OUT.contains(&plan.command.as_str()) && plan.is_read;
        if left_out || step.answer.is_some() || loses_more_than_a_secret(&monitor, &step.line) {
            continue;
        }
        for vm in iter::once(&mut ours).chain(&mut twin) {
            vm.forget_events();
        }
        let line = in_dir(&step.line, ours.dir());
        let moment = recorder.recorder().moment();
        let mut text = String::new();
        let ran = monitor.run_line(&line, &mut text).await;
        let ran = adapter::ran(adapter::plan(&monitor.explain(&line)), ran, text);
        if ran.refusal == Some(Refusal::Harm) {
            continue;
        }
        let mut typed = BuiltinLine {
            moment,
            line: line.clone(),
            ..BuiltinLine::default()
        };
        if let Some(twin) = &mut twin {
            let on_twin = line.replace(DIR, &twin_dir);
            let answer = twin.builtin_line_with(&on_twin, None).await?;
            typed.answer = answer.replace(&twin_dir, DIR);
            typed.other_vm = true;
        }
        // What only looks is asked on our VM, unless the twin's monitor alone remembers it.
        let is_whole = typed.other_vm && typed.answer == ran.text;
        let looks = answers::looks(&ran.command);
        if looks || twin.is_none() {
            let (first, again) = answers::on(&mut ours, Theirs::Socket, &line, &ran.text).await?;
            if !is_whole {
                typed.again = (again != first).then_some(again);
                typed.answer = first;
                typed.other_vm = false;
            }
        }
        recorder.recorder().builtin_line(&typed);
        let undone = ran.route == Some(RouteTaken::Refused);
        if twin.is_some() && undone && !looks {
            // What we can't do yet, the built-in does, so that the VMs stay alike for the lines
            // behind it.
            ours.builtin_line_with(&line, None).await?;
            recorder.recorder().new_moment();
        }
        if let Some(event) = &step.event {
            // Where it does not come, the replay shows the difference.
            for vm in iter::once(&mut ours).chain(&mut twin) {
                vm.wait_for(event, PATIENCE).await;
            }
        }
        sleep(Duration::from_millis(step.wait)).await;
    }
    drop((monitor, client));
    // The proxy ends with the client.
    let _ = passing.await;
    recorder.recorder().finish().map_err(|e| failed(&e))?;
    tidy(&topic(case, program, out))?;
    ours.end().await;
    if let Some(twin) = twin {
        twin.end().await;
    }
    Ok(out.join(name))
}
