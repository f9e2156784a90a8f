//! Runs cases: each line on the built-in monitor and on ours.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use monitor::cx::Host;
use monitor::engine::{Monitor, Outcome};
use monitor::qmp::BoxFuture;
use monitor::route::Passthrough;
use serde_json::Value;
use tokio::time::sleep;

use crate::case::{Case, FullStep};
use crate::compare::{self, Verdict};
use crate::known::KnownList;
use crate::probe::{self, Probe};
use crate::qemu::Qemu;
use crate::report::{Entry, Probed};
use crate::vm::{Vm, VmError, in_dir};

/// How our side runs.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    /// Whether the built-in monitor may help us.
    pub native_only: bool,
}

/// The program around our engine: it has a clock, and nobody to ask.
#[derive(Debug)]
pub struct ParityHost;

impl Host for ParityHost {
    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        Box::pin(sleep(duration))
    }

    fn local_time(&self, seconds: Option<i64>) -> (i64, i32) {
        let now = jiff::Zoned::now();
        let when = seconds
            .and_then(|s| jiff::Timestamp::from_second(s).ok())
            .unwrap_or_else(|| now.timestamp());
        let offset = now.time_zone().to_offset(when).seconds();
        (when.as_second(), offset)
    }
}

/// Runs one case on one QEMU. Nothing is lost: a case that could not run has an entry for each of its lines.
pub async fn case(case: &Case, qemu: &Qemu, mode: Mode, known: &mut KnownList) -> Vec<Entry> {
    let steps: Vec<FullStep> = case
        .steps
        .iter()
        .map(crate::case::Step::full)
        .filter(|step| step.suits(qemu))
        .collect();
    let mut entries = Vec::new();
    let failed = match run(case, qemu, mode, &steps, &mut entries).await {
        Ok(()) => None,
        Err(error) => Some(error.to_string()),
    };
    for step in &steps[entries.len()..] {
        let mut entry = Entry::new(case, qemu, &step.line);
        entry.note = failed.clone().unwrap_or_default();
        entries.push(entry);
    }
    for entry in &mut entries {
        if entry.verdict == Verdict::Different
            && let Some(reason) = known.meet(&entry.line, &entry.qemu)
        {
            entry.verdict = Verdict::Known;
            entry.note = reason.to_owned();
        }
    }
    entries
}

async fn run(
    case: &Case,
    qemu: &Qemu,
    mode: Mode,
    steps: &[FullStep],
    entries: &mut Vec<Entry>,
) -> Result<(), VmError> {
    let mut ours = Vm::start(case, qemu).await?;
    let mut twin = if case.twins {
        Some(Vm::start(case, qemu).await?)
    } else {
        None
    };
    sleep(Duration::from_millis(case.boot)).await;
    let passthrough = if mode.native_only {
        Passthrough::Never
    } else {
        Passthrough::Auto
    };
    let builder = Monitor::builder(Arc::new(ours.qmp.clone()));
    let mut monitor = builder
        .host(Arc::new(ParityHost))
        .passthrough(passthrough)
        .build()
        .await
        .map_err(|e| VmError::Failed(e.to_string()))?;
    for step in steps {
        let mut entry = Entry::new(case, qemu, &step.line);
        let mut pair = Pair {
            ours: &mut ours,
            twin: twin.as_mut(),
        };
        pair.step(step, &mut monitor, &mut entry).await;
        entries.push(entry);
        if !ours.lives() || twin.as_mut().is_some_and(|vm| !vm.lives()) {
            break;
        }
    }
    ours.end().await;
    if let Some(twin) = twin {
        twin.end().await;
    }
    Ok(())
}

/// Our VM, and the built-in's where the case needs two.
struct Pair<'a> {
    ours: &'a mut Vm,
    twin: Option<&'a mut Vm>,
}

impl Pair<'_> {
    fn builtin(&mut self) -> &mut Vm {
        match &mut self.twin {
            Some(twin) => twin,
            None => self.ours,
        }
    }

    async fn step(&mut self, step: &FullStep, monitor: &mut Monitor, entry: &mut Entry) {
        let ours_dir = self.ours.dir().to_owned();
        let line = in_dir(&step.line, &ours_dir);
        let plan = monitor.explain(&line);
        let text = |key: &str| plan.get(key).and_then(Value::as_str).unwrap_or_default();
        entry.command = text("command").to_owned();
        entry.route = text("route").to_owned();
        let builtin_dir = self.builtin().dir().to_owned();
        let builtin_line = in_dir(&step.line, &builtin_dir);

        let mut answer = String::new();
        let outcome = monitor.run_line(&line, &mut answer).await;
        if answer.starts_with("refused: ") {
            // The built-in has no such guard: the line is not for it.
            entry.verdict = Verdict::Refused;
            entry.ours = answer;
            return;
        }
        match self.builtin().builtin.line(&builtin_line).await {
            Ok(text) => entry.builtin = text,
            Err(error) => {
                entry.note = error.to_string();
                entry.verdict = Verdict::NotRun;
                return;
            }
        }
        sleep(Duration::from_millis(step.wait)).await;
        entry.ours = answer;
        if let Outcome::Disconnected(error) = &outcome {
            entry.note = error.to_string();
            entry.verdict = Verdict::Different;
            return;
        }
        if entry.route == "refused" && self.twin.is_some() {
            // So that the VMs stay alike for the lines behind it.
            let _ = self.ours.builtin.line(&line).await;
            events(self.ours);
            events(self.builtin());
        }
        entry.verdict = match (entry.route.as_str(), text("reason")) {
            ("refused", "to-convert") => Verdict::Pending,
            ("refused", _) => Verdict::Blocked,
            ("passthrough", _) => Verdict::Passthrough,
            _ => self.judge(step, entry, &builtin_dir, &ours_dir).await,
        };
        if entry.route == "partial" {
            entry.verdict = Verdict::Partial;
        }
    }

    async fn judge(
        &mut self,
        step: &FullStep,
        entry: &mut Entry,
        builtin_dir: &std::path::Path,
        ours_dir: &std::path::Path,
    ) -> Verdict {
        let dirs = if self.twin.is_some() {
            (
                builtin_dir.to_string_lossy().into_owned(),
                ours_dir.to_string_lossy().into_owned(),
            )
        } else {
            Default::default()
        };
        let (mut verdict, mut masks) = compare::answers(
            &entry.command,
            (&entry.builtin, &dirs.0),
            (&entry.ours, &dirs.1),
        );
        if self.twin.is_some() {
            let mut probes = probe::of_command(&entry.command);
            probes.extend(step.probe.iter().cloned());
            let silent = entry.builtin.is_empty() && !entry.command.starts_with("info ");
            if silent
                && !entry.command.is_empty()
                && probes.is_empty()
                && !LOOKS.contains(&entry.command.as_str())
            {
                entry.note = "nothing printed, and no probe shows the effect".into();
                verdict = Verdict::Different;
            }
            for probe in &probes {
                let (probed, used) = self.compare_effect(probe, &dirs).await;
                if !probed.alike {
                    verdict = Verdict::Different;
                    entry.note = "the effects differ".into();
                }
                masks.extend(used);
                entry.probes.push(probed);
            }
            let events = self.events(&dirs);
            if !events.alike {
                verdict = Verdict::Different;
                entry.note = "the events differ".into();
            }
            if !events.builtin.is_empty() || !events.ours.is_empty() {
                entry.probes.push(events);
            }
        }
        masks.sort_unstable();
        masks.dedup();
        entry.masks = masks.into_iter().map(str::to_owned).collect();
        verdict
    }

    async fn compare_effect(
        &mut self,
        probe: &Probe,
        dirs: &(String, String),
    ) -> (Probed, Vec<&'static str>) {
        let builtin = probe::ask(probe, self.builtin()).await;
        let ours = probe::ask(probe, self.ours).await;
        let (verdict, used) = compare::answers("", (&builtin, &dirs.0), (&ours, &dirs.1));
        let probed = Probed {
            probe: format!("{probe:?}"),
            alike: verdict.passes(),
            builtin,
            ours,
        };
        (probed, used)
    }

    /// The events since the last step, by name and data.
    fn events(&mut self, dirs: &(String, String)) -> Probed {
        let ours = events(self.ours);
        let builtin = events(self.builtin());
        let verdict = compare::answers("", (&builtin, &dirs.0), (&ours, &dirs.1)).0;
        Probed {
            probe: "events".into(),
            alike: verdict.passes(),
            builtin,
            ours,
        }
    }
}

/// Commands that print nothing and change nothing but the monitor's own state.
const LOOKS: &[&str] = &["cpu", "print", "x", "xp", "help", "clear"];

/// Events come in the order that QEMU sent them; those of both sides of a rate limit are left out.
fn events(vm: &mut Vm) -> String {
    let mut text = String::new();
    while let Some(event) = vm.events.try_recv() {
        if event.name == "RTC_CHANGE" || event.name == "NIC_RX_FILTER_CHANGED" {
            continue;
        }
        // Writing to a string can't fail.
        let _ = writeln!(text, "{} {}", event.name, event.data);
    }
    text
}
