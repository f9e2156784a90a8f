// SPDX-License-Identifier: GPL-2.0-or-later
//! One step on two VMs, or on one that both sides share.

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::side::{Side, Theirs};
use super::vm::{Vm, VmError};
use super::{answers, probing};
use crate::case::{FullStep, Probe, probe};
use crate::judge::compare::{self, Compared, Expected};
use crate::judge::{Entry, Kind, Outcome, Probed, Ran, Refusal, Verdict, ladder, mask};

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

/// What the probes of a step saw on both VMs before its line.
type Seen = Vec<(String, String)>;

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
        let plan = side.plan(&line);
        let answer = step.answer.as_deref();
        if answer.is_some() && !(side.has_user() && self.theirs == Theirs::Socket) {
            (entry.command, entry.route) = (plan.command, plan.route);
            entry.note = "it asks the user, and a side of this run has none".into();
            return;
        }
        let probes = self.probes(step, &plan.command);
        let seen = self.look(&probes).await;
        let ran = side.line(&line).await;
        if ladder::settled(&ran) == Some(Verdict::Refused) {
            // The built-in has no such guard: the line is not for it.
            ladder::take(entry, &ran);
            entry.verdict = Verdict::Refused;
            return;
        }
        let builtin_line = self.builtin().fill(&step.line);
        let asked = match self.builtin_answers(&builtin_line, answer).await {
            Ok(text) => text,
            Err(error) => {
                (entry.command, entry.route) = (ran.command, ran.route);
                entry.note = error.to_string();
                return;
            }
        };
        entry.builtin.clone_from(&asked);
        ladder::take(entry, &ran);
        if ran.outcome != Outcome::Answered {
            entry.verdict = Verdict::Different;
            self.end_step(step);
            return;
        }
        let mut ran = ran;
        let compared = match answers::looks(&ran.command) {
            true => {
                let mut compared = self.look_twice(&ran, &line, &asked, entry, &dirs).await;
                // A clock may have moved on between both sides: then ours is asked between two
                // answers of the built-in.
                for _ in 0..RETRIES {
                    if compared.verdict != Verdict::Different || !compared.masks_would_do {
                        break;
                    }
                    let before = answers::once(self.ours, self.theirs, &line).await;
                    ran = side.line(&line).await;
                    ladder::take(entry, &ran);
                    let after = answers::once(self.ours, self.theirs, &line).await;
                    let (Ok(first), Ok(again)) = (before, after) else {
                        break;
                    };
                    let expected = Expected::Same {
                        first: &first,
                        again: &again,
                    };
                    compared = ladder::compare(&ran, expected);
                    entry.builtin = first;
                }
                compared
            }
            false => {
                let refusal = ran
                    .refusal
                    .filter(|refusal| *refusal != Refusal::Unavailable);
                if self.twin.is_some() && (refusal.is_some() || !ran.notes.is_empty()) {
                    self.follow(&line, answer, entry, &dirs).await;
                }
                self.compare_with_twin(&ran, &asked, &dirs)
            }
        };
        let came = self.wait(step, entry).await;
        ladder::judge(entry, &ran, compared);
        if ladder::settled(&ran).is_none() {
            self.judge_effects(step, &probes, &seen, entry, &dirs).await;
            if !came {
                entry.verdict = Verdict::Different;
            }
        }
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

    async fn builtin_answers(
        &mut self,
        line: &str,
        answer: Option<&str>,
    ) -> Result<String, VmError> {
        match self.theirs {
            Theirs::Socket => self.builtin().builtin_line_with(line, answer).await,
            Theirs::Qmp => self.builtin().builtin_by_qmp(line).await,
        }
    }

    /// A line that only looks is compared on our own VM, where its answer is the same to the byte
    /// unless it varies by itself; asked on both, the VMs' monitors remember the same.
    async fn look_twice(
        &mut self,
        ran: &Ran,
        line: &str,
        asked: &str,
        entry: &mut Entry,
        dirs: &Dirs,
    ) -> Compared {
        let on_twin = self.compare_with_twin(ran, asked, dirs);
        let answered = match self.twin.is_some() {
            true => answers::on(self.ours, self.theirs, line, &ran.text).await,
            false => {
                let again = match ran.text == asked {
                    true => Ok(asked.to_owned()),
                    false => answers::once(self.ours, self.theirs, line).await,
                };
                again.map(|again| (asked.to_owned(), again))
            }
        };
        match answered {
            // What only the twin's monitor remembers: its lines.
            _ if on_twin.verdict == Verdict::Identical => on_twin,
            Ok((first, again)) => {
                let expected = Expected::Same {
                    first: &first,
                    again: &again,
                };
                let compared = ladder::compare(ran, expected);
                entry.builtin = first;
                compared
            }
            Err(error) => {
                entry.note = error.to_string();
                on_twin
            }
        }
    }

    /// Compares with what the built-in of the other VM answered.
    fn compare_with_twin(&self, ran: &Ran, asked: &str, dirs: &Dirs) -> Compared {
        let expected = match self.twin.is_some() {
            true => Expected::Other {
                answer: asked,
                dir: &dirs.builtin,
                our_dir: &dirs.ours,
            },
            false => Expected::same(asked),
        };
        ladder::compare(ran, expected)
    }

    /// Lets the built-in of our VM do what our side did not, so that the VMs stay alike for the
    /// lines behind it.
    async fn follow(&mut self, line: &str, answer: Option<&str>, entry: &mut Entry, dirs: &Dirs) {
        let followed = self.ours.builtin_line_with(line, answer).await;
        let text = followed.unwrap_or_default();
        let expected = Expected::Other {
            answer: &entry.builtin,
            dir: &dirs.builtin,
            our_dir: &dirs.ours,
        };
        let compared = compare::whole(&entry.command, expected, &text);
        if !compared.verdict.passes() {
            entry.note = format!("the VMs are no longer alike: {text}");
        }
    }

    /// Whether the event came that the step waits for.
    async fn wait(&mut self, step: &FullStep, entry: &mut Entry) -> bool {
        let mut came = true;
        if let Some(event) = &step.event {
            came = self.builtin().wait_for(event, PATIENCE).await;
            came &= self.ours.wait_for(event, PATIENCE).await;
            if !came {
                entry.note = format!("no event {event}");
            }
        }
        sleep(Duration::from_millis(step.wait)).await;
        came
    }

    /// What shows the effect of a step on two VMs.
    fn probes(&self, step: &FullStep, command: &str) -> Vec<Probe> {
        if self.twin.is_none() {
            return Vec::new();
        }
        let mut probes = probe::of_command(command);
        probes.extend(step.probe.iter().cloned());
        probes
    }

    /// What the probes see before the line.
    async fn look(&mut self, probes: &[Probe]) -> Seen {
        let mut seen = Vec::new();
        for probe in probes {
            seen.push(match probe.is_of_the_step() {
                true => (String::new(), String::new()),
                false => {
                    let builtin = probing::ask(probe, self.builtin()).await;
                    (builtin, probing::ask(probe, self.ours).await)
                }
            });
        }
        seen
    }

    /// Where the line may change something, compares what it did. A command that succeeds without
    /// a word must change something on both VMs, unless the step says that nothing shows it, or
    /// which later line does.
    async fn judge_effects(
        &mut self,
        step: &FullStep,
        probes: &[Probe],
        seen: &Seen,
        entry: &mut Entry,
        dirs: &Dirs,
    ) {
        let changes = !answers::looks(&entry.command);
        // What the built-in does for us is not ours to prove.
        let silent = entry.kind == Some(Kind::Silent) && entry.verdict != Verdict::Passthrough;
        if self.twin.is_none() {
            match step.unseen.is_here() {
                _ if !changes || !silent || entry.verdict == Verdict::Different => {}
                true => entry.kind = Some(Kind::Unseen),
                false => {
                    entry.verdict = Verdict::Different;
                    entry.note = "what it changes shows on twins alone".into();
                }
            }
            return;
        }
        let deadline = Instant::now() + SETTLE;
        let masks = loop {
            let (probed, used) = self.effects(probes, seen, dirs).await;
            let alike = probed.iter().all(|p| p.alike);
            let changed = !changes || !silent || probed.iter().any(|p| p.changed);
            entry.probes = probed;
            let settled = alike && (changed || step.unseen.is_here() || step.shown_by.is_some());
            if settled || entry.verdict == Verdict::Different || Instant::now() > deadline {
                break used;
            }
            sleep(Duration::from_millis(20)).await;
        };
        entry.masks.extend(masks.into_iter().map(str::to_owned));
        entry.masks.sort_unstable();
        entry.masks.dedup();
        if entry.verdict == Verdict::Different {
            return;
        }
        let changed = entry.probes.iter().any(|p| p.changed);
        let odd = entry.probes.iter().find(|p| !p.alike);
        let wrong = match odd {
            Some(probed) if probed.probe == EVENTS => "the events differ",
            Some(_) => "the effects differ",
            None if !changes || !silent || step.shown_by.is_some() => return,
            None if step.unseen.is_here() && changed => "it changed something",
            None if step.unseen.is_here() => {
                entry.kind = Some(Kind::Unseen);
                return;
            }
            None if !changed => "no probe saw a change",
            None => return,
        };
        entry.verdict = Verdict::Different;
        entry.note = wrong.into();
    }

    async fn compare_effect(
        &mut self,
        probe: &Probe,
        (builtin_was, our_was): &(String, String),
        dirs: &Dirs,
    ) -> (Probed, Vec<&'static str>) {
        let builtin = probing::ask(probe, self.builtin()).await;
        let ours = probing::ask(probe, self.ours).await;
        let compared = compare_probes((&builtin, &dirs.builtin), (&ours, &dirs.ours));
        let moved = |was: &str, is: &str| !compare_probes((was, ""), (is, "")).verdict.passes();
        let mut changed = moved(builtin_was, &builtin) && moved(our_was, &ours);
        if !changed {
            // What masks hide may have changed too.
            let moved = |was: &str, is: &str| mask::without_drift(was) != mask::without_drift(is);
            changed = moved(builtin_was, &builtin) && moved(our_was, &ours);
        }
        let probed = Probed {
            probe: format!("{probe:?}"),
            alike: compared.verdict.passes(),
            changed,
            builtin: without_dir(builtin, &dirs.builtin),
            ours: without_dir(ours, &dirs.ours),
        };
        (probed, compared.masks)
    }

    /// What all probes and the events show.
    async fn effects(
        &mut self,
        probes: &[Probe],
        seen: &Seen,
        dirs: &Dirs,
    ) -> (Vec<Probed>, Vec<&'static str>) {
        let (mut all, mut masks) = (Vec::new(), Vec::new());
        for (probe, seen) in probes.iter().zip(seen) {
            let (probed, used) = self.compare_effect(probe, seen, dirs).await;
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
        let compared = compare_probes((&a, &dirs.builtin), (&b, &dirs.ours));
        Probed {
            probe: EVENTS.into(),
            alike: compared.verdict.passes(),
            changed: !builtin.is_empty() && !ours.is_empty(),
            builtin: without_dir(builtin, &dirs.builtin),
            ours: without_dir(ours, &dirs.ours),
        }
    }
}

/// What stands for a probe where the events are compared.
const EVENTS: &str = "events";

/// Compares what a probe saw twice, each with the directory that it may show.
fn compare_probes(builtin: (&str, &str), ours: (&str, &str)) -> Compared {
    let expected = Expected::Other {
        answer: builtin.0,
        dir: builtin.1,
        our_dir: ours.1,
    };
    compare::whole(mask::PROBES, expected, ours.0)
}

/// The VM's directory as cases spell it.
fn without_dir(text: String, dir: &str) -> String {
    if dir.is_empty() {
        return text;
    }
    text.replace(dir, "{dir}")
}

/// How often a line is run again where only masks hide that both sides differ.
const RETRIES: usize = 3;

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
