//! Runs cases: each line on the built-in monitor and on ours.

use std::fmt::Write;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use monitor::cx::Host;
use monitor::engine::Monitor;
use monitor::host::Unattended;
use monitor::qmp::client::Client;
use monitor::qmp::{BoxFuture, MemoryFile, Qmp};
use monitor::route::{PASSTHROUGH, Passthrough};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

use crate::case::{Case, FullStep};
use crate::judge::compare::{self, Verdict};
use crate::judge::known::KnownList;
use crate::judge::mask;
use crate::live::probe::{self, Probe};
use crate::live::qemu::Qemu;
use crate::live::side::{Ours, Side, Theirs};
use crate::live::vm::{Vm, VmError};
use crate::report::{Entry, Probed};

/// How the sides run.
#[derive(Clone, Debug, Default)]
pub struct Mode {
    /// Whether the built-in monitor may help us.
    pub native_only: bool,
    /// Our side.
    pub ours: Ours,
    /// How the built-in is asked.
    pub theirs: Theirs,
}

/// [`Unattended`] with a person who typed lines and answers what the step says.
#[derive(Debug, Default)]
struct Person {
    answer: Mutex<Option<String>>,
    /// A line typed again moves to the end, as in the built-in's line editor.
    typed: Mutex<Vec<String>>,
}

impl Person {
    fn will_answer(&self, answer: Option<&str>) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer.map(str::to_owned);
    }

    fn types(&self, line: &str) {
        let mut typed = self.typed.lock().unwrap_or_else(PoisonError::into_inner);
        typed.retain(|earlier| earlier != line);
        if !line.is_empty() {
            typed.push(line.to_owned());
        }
    }
}

impl Host for Person {
    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        Unattended.sleep(duration)
    }

    fn secret<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Option<String>> {
        let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = answer.take();
        Box::pin(async { answer })
    }

    fn local_time(&self, seconds: Option<i64>) -> (i64, i32) {
        Unattended.local_time(seconds)
    }

    fn history(&self) -> Option<Vec<String>> {
        let typed = self.typed.lock().unwrap_or_else(PoisonError::into_inner);
        Some(typed.clone())
    }

    fn memory_file(&self) -> Option<Box<dyn MemoryFile>> {
        Unattended.memory_file()
    }
}

/// Runs cases, each on its QEMU, `at_once` of them at a time; entries come in the order of the cases.
pub async fn cases(
    cases: Vec<(Case, Qemu)>,
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
        .map(|(case, qemu)| {
            let (places, mode) = (places.clone(), mode.clone());
            runs.spawn_local(async move {
                // Nobody closes the semaphore.
                let _place = places.acquire_many(if case.alone { all } else { 1 }).await;
                entries(&case, &qemu, &mode).await
            })
        })
        .collect();
    let mut entries = Vec::new();
    runs.run_until(async {
        for run in running {
            match run.await {
                Ok(more) => entries.extend(more),
                // A run is never cancelled, so it is a panic, which goes on here.
                Err(error) => {
                    if let Ok(panic) = error.try_into_panic() {
                        std::panic::resume_unwind(panic);
                    }
                }
            }
        }
    })
    .await;
    excuse(&mut entries, known);
    entries
}

/// Runs one case on one QEMU.
pub async fn case(case: &Case, qemu: &Qemu, mode: &Mode, known: &mut KnownList) -> Vec<Entry> {
    let mut entries = entries(case, qemu, mode).await;
    excuse(&mut entries, known);
    entries
}

fn excuse(entries: &mut [Entry], known: &mut KnownList) {
    for entry in entries {
        if entry.verdict == Verdict::Different
            && let Some(reason) = known.meet(&entry.line, &entry.qemu)
        {
            entry.verdict = Verdict::Known;
            entry.note = reason.to_owned();
        }
    }
}

/// Nothing is lost: a case that could not run has an entry for each of its lines.
async fn entries(case: &Case, qemu: &Qemu, mode: &Mode) -> Vec<Entry> {
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
        entry.note = failed
            .clone()
            .unwrap_or_else(|| "QEMU ended at an earlier line".into());
        entries.push(entry);
    }
    entries
}

async fn run(
    case: &Case,
    qemu: &Qemu,
    mode: &Mode,
    steps: &[FullStep],
    entries: &mut Vec<Entry>,
) -> Result<(), VmError> {
    let twin = async {
        match case.twins {
            true => Vm::start(case, qemu).await.map(Some),
            false => Ok(None),
        }
    };
    let (mut ours, mut twin) = tokio::try_join!(Vm::start(case, qemu), twin)?;
    sleep(Duration::from_millis(case.boot)).await;
    let passthrough = if mode.native_only {
        Passthrough::Never
    } else {
        Passthrough::Auto
    };
    let person = Arc::new(Person::default());
    let client = match &mode.ours {
        Ours::Engine => ours.qmp.clone(),
        Ours::Hmp(_) => ours.aux.clone(),
    };
    let monitor = Monitor::builder(Arc::new(client))
        .host(person.clone())
        .passthrough(passthrough)
        .build()
        .await
        .map_err(|e| VmError::Failed(e.to_string()))?;
    let mut side = match &mode.ours {
        Ours::Engine => Side::engine(monitor),
        Ours::Hmp(program) => {
            let socket = ours.dir().join("rec.sock");
            Side::hmp(monitor, program, &socket, mode.native_only)?
        }
    };
    for step in steps {
        let mut entry = Entry::new(case, qemu, &step.line);
        let mut pair = Pair {
            ours: &mut ours,
            twin: twin.as_mut(),
            theirs: mode.theirs,
        };
        person.will_answer(step.answer.as_deref());
        person.types(&pair.ours.fill(&step.line));
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

/// Our VM, and the built-in's where the case needs two.
struct Pair<'a> {
    ours: &'a mut Vm,
    twin: Option<&'a mut Vm>,
    theirs: Theirs,
}

impl Pair<'_> {
    fn builtin(&mut self) -> &mut Vm {
        match &mut self.twin {
            Some(twin) => twin,
            None => self.ours,
        }
    }

    async fn step(&mut self, step: &FullStep, side: &mut Side, entry: &mut Entry) {
        let ours_dir = self.ours.dir().to_owned();
        let line = self.ours.fill(&step.line);
        let plan = side.explain(&line);
        let text = |key: &str| plan.get(key).and_then(Value::as_str).unwrap_or_default();
        entry.command = text("command").to_owned();
        entry.route = text("route").to_owned();
        let builtin_dir = self.builtin().dir().to_owned();
        let builtin_line = self.builtin().fill(&step.line);
        let answer_typed = step.answer.as_deref();

        if answer_typed.is_some() && !(side.has_person() && self.theirs == Theirs::Socket) {
            entry.note = "it asks a person, and a side of this run has none".into();
            return;
        }
        let mut answer = String::new();
        let outcome = side.line(&line, &mut answer).await;
        if answer.starts_with("refused: ") {
            // The built-in has no such guard: the line is not for it.
            entry.verdict = Verdict::Refused;
            entry.ours = answer;
            return;
        }
        let theirs = self.theirs;
        let asked = match theirs {
            Theirs::Socket => {
                self.builtin()
                    .builtin_line_with(&builtin_line, answer_typed)
                    .await
            }
            Theirs::Qmp => by_qmp(&self.builtin().aux, &builtin_line).await,
        };
        match asked {
            Ok(text) => entry.builtin = text,
            Err(error) => {
                entry.note = error.to_string();
                entry.verdict = Verdict::NotRun;
                return;
            }
        }
        entry.ours = answer;
        if let Err(error) = outcome {
            entry.note = error;
            entry.verdict = Verdict::Different;
            return;
        }
        let answers = (&*entry.builtin, &*entry.ours);
        entry.route = compare::route_taken(text("route"), &entry.command, answers).to_owned();
        let undone = entry.route == "refused" || compare::is_part(&entry.builtin, &entry.ours);
        if undone && self.twin.is_some() {
            // So that the VMs stay alike for the lines behind it.
            let followed = self.ours.builtin_line_with(&line, answer_typed).await;
            let text = followed.unwrap_or_default();
            let dirs = (
                &*builtin_dir.to_string_lossy(),
                &*ours_dir.to_string_lossy(),
            );
            let (verdict, _) =
                compare::answers(&entry.command, (&entry.builtin, dirs.0), (&text, dirs.1));
            if !verdict.passes() {
                entry.note = format!("the VMs are no longer alike: {text}");
            }
        }
        self.wait(step, entry).await;
        entry.verdict = match (entry.route.as_str(), text("reason")) {
            ("refused", "to-convert") => Verdict::Pending,
            ("refused", _) => Verdict::Blocked,
            ("", _) if text("error").contains(NO_REGISTER) => Verdict::Blocked,
            ("passthrough", _) => Verdict::Passthrough,
            _ => self.judge(step, entry, &builtin_dir, &ours_dir).await,
        };
        if entry.route == "partial" {
            entry.verdict = Verdict::Partial;
        }
        self.builtin().forget_events();
        self.ours.forget_events();
        probe::end_step(&step.probe, self.builtin());
        probe::end_step(&step.probe, self.ours);
    }

    /// Waits as the step says.
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
            let deadline = Instant::now() + SETTLE;
            loop {
                let (probed, used) = self.effects(&probes, &dirs).await;
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

    async fn compare_effect(
        &mut self,
        probe: &Probe,
        dirs: &(String, String),
    ) -> (Probed, Vec<&'static str>) {
        let builtin = probe::ask(probe, self.builtin()).await;
        let ours = probe::ask(probe, self.ours).await;
        let (verdict, used) = compare::answers(mask::PROBES, (&builtin, &dirs.0), (&ours, &dirs.1));
        let probed = Probed {
            probe: format!("{probe:?}"),
            alike: verdict.passes(),
            builtin: without_dir(builtin, &dirs.0),
            ours: without_dir(ours, &dirs.1),
        };
        (probed, used)
    }

    /// What all probes and the events show.
    async fn effects(
        &mut self,
        probes: &[Probe],
        dirs: &(String, String),
    ) -> (Vec<Probed>, Vec<&'static str>) {
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
    fn events(&mut self, dirs: &(String, String)) -> Probed {
        let ours = events(self.ours);
        let builtin = events(self.builtin());
        let sorted = |text: &str| {
            let mut lines: Vec<_> = text.lines().collect();
            lines.sort_unstable();
            lines.join("\n")
        };
        // Several threads send them, so that their order is not the line's doing.
        let (a, b) = (sorted(&builtin), sorted(&ours));
        let verdict = compare::answers(mask::PROBES, (&a, &dirs.0), (&b, &dirs.1)).0;
        Probed {
            probe: "events".into(),
            alike: verdict.passes(),
            builtin: without_dir(builtin, &dirs.0),
            ours: without_dir(ours, &dirs.1),
        }
    }
}

/// A line on the built-in monitor by `human-monitor-command`.
async fn by_qmp(qmp: &Client, line: &str) -> Result<String, VmError> {
    let arguments = json!({ "command-line": line });
    let reply = qmp.execute(PASSTHROUGH, arguments).await;
    let reply = reply.map_err(|e| VmError::Failed(e.to_string()))?;
    Ok(reply.as_str().unwrap_or_default().replace("\r\n", "\n"))
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

/// Commands that print nothing and change nothing but the monitor's own state.
const LOOKS: &[&str] = &["cpu", "print", "x", "xp", "help", "clear"];

/// What the engine says of an expression with a register where no QMP command reads it.
const NO_REGISTER: &str = "is not available: no QMP command";

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
