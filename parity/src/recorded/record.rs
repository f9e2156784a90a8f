//! Records cases: the QMP session of our engine, and the built-in monitor's text at the same moments.

use std::iter;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mock_qmp::record::{Proxy, Recorder, proxy};
use mock_qmp::recording::{Machine, QemuVersion, without_repeats};
use monitor::engine::Monitor;
use monitor::host::Unattended;
use monitor::qmp::Qmp;
use monitor::qmp::client::{Client, Options};
use monitor::route::Passthrough;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::case::{Case, Step};
use crate::judge::compare;
use crate::live::qemu::Qemu;
use crate::live::vm::{Vm, VmError, in_dir};

/// Where the VMs of recordings live, so that the same paths stand in every recording.
pub(crate) const DIR: &str = "/tmp/hmp-vm";

/// How long an event may take that a step waits for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Records `case` on `qemu` as a topic of a folder below `out`; returns the folder.
///
/// Only what needs no help of the built-in monitor is recorded. Two recordings can't be made at once on one machine.
pub async fn record(case: &Case, qemu: &Qemu, out: &Path) -> Result<PathBuf, VmError> {
    let mut ours = Vm::start_in(case, qemu, Path::new(DIR)).await?;
    let twin_dir = format!("{DIR}.twin");
    let mut twin = match case.twins {
        true => Some(Vm::start_in(case, qemu, Path::new(&twin_dir)).await?),
        false => None,
    };
    sleep(Duration::from_millis(case.boot)).await;

    let machine = machine(case, qemu);
    let name = folder_name(case, qemu);
    let failed = |e: &dyn std::fmt::Display| VmError::Failed(e.to_string());
    let mut recorder =
        Recorder::create(out.join(&name), machine, &case.name).map_err(|e| failed(&e))?;
    recorder.note(&format!("arguments: {}", case.args.join(" ")));
    if let Ok(schema) = ours.aux.execute("query-qmp-schema", Value::Null).await {
        recorder
            .schema(&schema.to_string())
            .map_err(|e| failed(&e))?;
    }
    let recorder = Proxy::new(recorder);

    let (client, passing) = through(&recorder, &ours).await?;
    let mut monitor = Monitor::builder(Arc::new(client.clone()))
        .host(Arc::new(Unattended))
        .passthrough(Passthrough::Never)
        .build()
        .await
        .map_err(|e| failed(&e))?;

    for step in case.steps.iter().map(Step::full) {
        // Help texts of the built-in are not stored, and a replay has no person to ask for a password.
        let is_help = step.line.trim_start().starts_with("help");
        if !step.suits(qemu) || is_help || step.answer.is_some() {
            continue;
        }
        for vm in iter::once(&mut ours).chain(&mut twin) {
            vm.forget_events();
        }
        let line = in_dir(&step.line, ours.dir());
        let moment = recorder.recorder().moment();
        let mut text = String::new();
        monitor.run_line(&line, &mut text).await;
        if text.starts_with("refused: ") {
            continue;
        }
        let (builtin, dir) = match &mut twin {
            Some(twin) => (twin, twin_dir.as_str()),
            None => (&mut ours, DIR),
        };
        let answer = builtin
            .builtin_line_with(&line.replace(DIR, dir), None)
            .await?;
        recorder
            .recorder()
            .builtin_at(moment, &line, &answer.replace(dir, DIR));
        let plan = monitor.explain(&line);
        let command = plan["command"].as_str().unwrap_or_default();
        let undone = plan["route"] == "refused" || compare::is_blocked(command, &text);
        if twin.is_some() && undone {
            // What we can't do yet, the built-in does, so that the VMs stay alike for the lines behind it.
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
    let topic = out.join(&name).join(&case.name).with_extension("qmp");
    std::fs::write(&topic, without_repeats(&std::fs::read_to_string(&topic)?))?;
    ours.end().await;
    if let Some(twin) = twin {
        twin.end().await;
    }
    Ok(out.join(name))
}

/// A connection to the VM through the recorder, and the task that passes it on, which ends with the client.
pub(crate) async fn through(
    recorder: &Proxy,
    vm: &Vm,
) -> Result<(Client, JoinHandle<()>), VmError> {
    let (client, inner) = StdUnixStream::pair()?;
    let qemu_side = StdUnixStream::connect(vm.dir().join("rec.sock"))?;
    let recorder = recorder.clone();
    let passing = tokio::spawn(async move {
        let _ = proxy(inner, qemu_side, &recorder).await;
    });
    client.set_nonblocking(true)?;
    let client = tokio::net::UnixStream::from_std(client)?;
    let (client, _) = Client::from_unix(client, &Options::default()).await?;
    Ok((client, passing))
}

/// What a recording says of its machine.
pub(crate) fn machine(case: &Case, qemu: &Qemu) -> Machine {
    Machine {
        format: mock_qmp::recording::FORMAT,
        arch: qemu.arch.clone(),
        machine: machine_type(case).to_owned(),
        variant: case.variant.clone(),
        arguments: Vec::new(),
        schema: String::new(),
        qemu: QemuVersion {
            major: qemu.version.major,
            minor: qemu.version.minor,
            micro: qemu.version.micro,
            package: String::new(),
        },
    }
}

pub(crate) fn folder_name(case: &Case, qemu: &Qemu) -> String {
    let variant = match case.variant.as_str() {
        "" => String::new(),
        variant => format!("+{variant}"),
    };
    format!("{}-{}{variant}", qemu.label(), machine_type(case))
}

/// The type behind `-M` or `-machine`.
fn machine_type(case: &Case) -> &str {
    let at = case.args.iter().position(|a| a == "-M" || a == "-machine");
    let value = at.and_then(|at| case.args.get(at + 1));
    value.map_or("default", |v| v.split(',').next().unwrap_or(v))
}
