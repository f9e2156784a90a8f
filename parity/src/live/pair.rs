// SPDX-License-Identifier: GPL-2.0-or-later
//! One step on two VMs, or on one that both sides share.

use std::fmt::Write;
use std::time::Duration;

use hmp_engine::command::nature::Effect;
use hmp_engine::table;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::probing;
use super::side::{Side, Theirs};
use super::vm::Vm;
use crate::case::{FullStep, Probe, probe};
use crate::judge::{Entry, Outcome, Probed, RouteTaken, Verdict, compare, ladder, mask};

/// The directories of both VMs, which answers may hold.
#[derive(Debug, Default)]
struct Dirs {
    builtin: String,
    ours: String,
}

/// Our VM, and the built-in's where the case needs two.
pub struct Pair<'a> {
    /// Ours.
    pub ours: &'a mut Vm,
    /// The built-in's, where it has one of its own.
    pub twin: Option<&'a mut Vm>,
    /// How the built-in is asked.
    pub theirs: Theirs,
}

impl Pair<'_> {
    fn builtin(&mut self) -> &mut Vm {
        match &mut self.twin {
            Some(twin) => twin,
            None => self.ours,
        }
    }

    /// Runs a step on both sides and writes what came of it into `entry`.
    pub async fn step(&mut self, step: &FullStep, side: &mut Side, entry: &mut Entry) {
        let dirs = Dirs {
            builtin: self.builtin().dir().to_string_lossy().into_owned(),
            ours: self.ours.dir().to_string_lossy().into_owned(),
        };
        let line = self.ours.fill(&step.line);
        let answer = step.answer.as_deref();
        if answer.is_some() && !(side.has_user() && self.theirs == Theirs::Socket) {
            let plan = side.plan(&line);
            (entry.command, entry.route) = (plan.command, plan.route);
            entry.note = "it asks the user, and a side of this run has none".into();
            return;
        }
        let ran = side.line(&line).await;
        if ladder::settled(&ran) == Some(Verdict::Refused) {
            // The built-in has no such guard: the line is not for it.
            ladder::take(entry, &ran);
            entry.verdict = Verdict::Refused;
            return;
        }
        let theirs = self.theirs;
        let builtin = self.builtin();
        let builtin_line = builtin.fill(&step.line);
        let asked = match theirs {
            Theirs::Socket => builtin.builtin_line_with(&builtin_line, answer).await,
            Theirs::Qmp => builtin.builtin_by_qmp(&builtin_line).await,
        };
        match asked {
            Ok(text) => entry.builtin = text,
            Err(error) => {
                (entry.command, entry.route) = (ran.command, ran.route);
                entry.note = error.to_string();
                return;
            }
        }
        ladder::take(entry, &ran);
        if ran.outcome != Outcome::Answered {
            entry.verdict = ladder::verdict(&ran, Verdict::Different);
            self.end_step(step);
            return;
        }
        let refused = entry.route == Some(RouteTaken::Refused);
        if refused || !ran.notes.is_empty() {
            self.follow(&line, answer, entry, &dirs).await;
        }
        self.wait(step, entry).await;
        let compared = match ladder::settled(&ran) {
            Some(verdict) => verdict,
            None => self.compare(step, entry, &dirs).await,
        };
        entry.verdict = ladder::verdict(&ran, compared);
        self.end_step(step);
    }

    /// What happened so far is not the next step's.
    fn end_step(&mut self, step: &FullStep) {
        for vm in [Some(&mut *self.ours), self.twin.as_deref_mut()] {
            let Some(vm) = vm else { continue };
            vm.forget_events();
            probing::end_step(&step.probe, vm);
        }
    }

    /// Lets the built-in of our VM do what our side did not, so that the VMs stay alike for the
    /// lines behind it.
    async fn follow(&mut self, line: &str, answer: Option<&str>, entry: &mut Entry, dirs: &Dirs) {
        if self.twin.is_none() {
            return;
        }
        let followed = self.ours.builtin_line_with(line, answer).await;
        let text = followed.unwrap_or_default();
        let builtin = (&*entry.builtin, &*dirs.builtin);
        let (verdict, _) = compare::answers(&entry.command, builtin, (&text, &dirs.ours));
        if !verdict.passes() {
            entry.note = format!("the VMs are no longer alike: {text}");
        }
    }

    async fn wait(&mut self, step: &FullStep, entry: &mut Entry) {
        if let Some(event) = &step.event {
            let mut came = self.builtin().wait_for(event, PATIENCE).await;
            came &= self.ours.wait_for(event, PATIENCE).await;
            if !came {
                entry.note = format!("no event {event}");
            }
        }
        sleep(Duration::from_millis(step.wait)).await;
    }

    /// Compares answers and, where there are twins, effects.
    async fn compare(&mut self, step: &FullStep, entry: &mut Entry, dirs: &Dirs) -> Verdict {
        // What one VM serves has one directory, which must be alike in both answers.
        let none = Dirs::default();
        let dirs = if self.twin.is_some() { dirs } else { &none };
        let (mut verdict, mut masks) = compare::answers(
            &entry.command,
            (&entry.builtin, &dirs.builtin),
            (&entry.ours, &dirs.ours),
        );
        if self.twin.is_some() {
            let mut probes = probe::of_command(&entry.command);
            probes.extend(step.probe.iter().cloned());
            let changes = table::named(&entry.command).is_some_and(|r| r.effect != Effect::Looks);
            if entry.builtin.is_empty() && changes && probes.is_empty() {
                entry.note = "nothing printed, and no probe shows the effect".into();
                verdict = Verdict::Different;
            }
            let deadline = Instant::now() + SETTLE;
            loop {
                let (probed, used) = self.effects(&probes, dirs).await;
                let alike = probed.iter().all(|p| p.alike);
                if alike || !verdict.passes() || Instant::now() > deadline {
                    entry.probes = probed;
                    masks.extend(used);
                    break;
                }
                sleep(Duration::from_millis(20)).await;
            }
            if let Some(probed) = entry.probes.iter().find(|p| !p.alike) {
                verdict = Verdict::Different;
                let events = probed.probe == "events";
                let what = if events { "events" } else { "effects" };
                entry.note = format!("the {what} differ");
            }
        }
        masks.sort_unstable();
        masks.dedup();
        entry.masks = masks.into_iter().map(str::to_owned).collect();
        verdict
    }

    async fn compare_effect(&mut self, probe: &Probe, dirs: &Dirs) -> (Probed, Vec<&'static str>) {
        let builtin = probing::ask(probe, self.builtin()).await;
        let ours = probing::ask(probe, self.ours).await;
        let (verdict, used) =
            compare::answers(mask::PROBES, (&builtin, &dirs.builtin), (&ours, &dirs.ours));
        let probed = Probed {
            probe: format!("{probe:?}"),
            alike: verdict.passes(),
            builtin: without_dir(builtin, &dirs.builtin),
            ours: without_dir(ours, &dirs.ours),
        };
        (probed, used)
    }

    /// What all probes and the events show.
    async fn effects(&mut self, probes: &[Probe], dirs: &Dirs) -> (Vec<Probed>, Vec<&'static str>) {
        let (mut all, mut masks) = (Vec::new(), Vec::new());
        for probe in probes {
            let (probed, used) = self.compare_effect(probe, dirs).await;
            all.push(probed);
            masks.extend(used);
        }
        let events = self.events(dirs);
        if !events.builtin.is_empty() || !events.ours.is_empty() {
            all.push(events);
        }
        (all, masks)
    }

    /// The events since the last step, by name and data.
    fn events(&mut self, dirs: &Dirs) -> Probed {
        let ours = events(self.ours);
        let builtin = events(self.builtin());
        let sorted = |text: &str| {
            let mut lines: Vec<_> = text.lines().collect();
            lines.sort_unstable();
            lines.join("\n")
        };
        // Several threads send them, so that their order is not the line's doing.
        let (a, b) = (sorted(&builtin), sorted(&ours));
        let verdict = compare::answers(mask::PROBES, (&a, &dirs.builtin), (&b, &dirs.ours)).0;
        Probed {
            probe: "events".into(),
            alike: verdict.passes(),
            builtin: without_dir(builtin, &dirs.builtin),
            ours: without_dir(ours, &dirs.ours),
        }
    }
}

/// The VM's directory as cases spell it.
fn without_dir(text: String, dir: &str) -> String {
    if dir.is_empty() {
        return text;
    }
    text.replace(dir, "{dir}")
}

/// How long effects may take to become alike: jobs and guests run on.
const SETTLE: Duration = Duration::from_millis(1500);

/// How long an event may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Events with a rate limit, and those whose number is a matter of time.
const NOISE: &[&str] = &["RTC_CHANGE", "NIC_RX_FILTER_CHANGED", "MIGRATION_PASS"];

/// The ids of jobs that our side starts for what the built-in does without a job.
const OUR_JOBS: &str = "hmp-";

/// The events since the step began, in the order that QEMU sent them; noise is left out.
fn events(vm: &mut Vm) -> String {
    let mut text = String::new();
    for (name, data) in vm.peek_events() {
        let of_ours = ["id", "device"].iter().any(|key| {
            let job = data.get(key).and_then(Value::as_str);
            job.is_some_and(|id| id.starts_with(OUR_JOBS))
        });
        // VNC's events are of the probes that log in.
        let noise = NOISE.contains(&name.as_str());
        if !of_ours && !noise && !name.starts_with("VNC_") {
            // Writing to a string can't fail.
            let _ = writeln!(text, "{name} {data}");
        }
    }
    text
}
