// SPDX-License-Identifier: GPL-2.0-or-later
//! One sweep of one VM.

use std::sync::Arc;
use std::time::Duration;

use hmp_engine::command::route::Passthrough;
use hmp_engine::host::Risk;
use tokio::time::{Instant, timeout_at};

use super::answer::{Answer, Asked};
use super::found::{Machine, Spent};
use super::judged::judge;
use super::lines;
use super::things::Things;
use crate::case::Case;
use crate::judge::{Outcome, Ran, Refusal, Verdict, compare};
use crate::live::engine;
use crate::live::programs::Program;
use crate::live::side::Side;
use crate::live::user::User;
use crate::live::vm::{Vm, VmError};

/// The machine that these arguments of a user describe.
#[must_use]
pub fn given(args: Vec<String>) -> Machine {
    Machine {
        args,
        ..Machine::default()
    }
}

/// Starts `machine`, asks for all lines, and ends it, within `limit`; with `qom`, also for its
/// whole tree of objects. Why it did not start, or what was lost, is written into it.
pub async fn on(
    program: &Program,
    machine: &mut Machine,
    qom: bool,
    limit: Duration,
) -> Vec<Answer> {
    let began = Instant::now();
    let deadline = began + limit;
    let mut answers = Vec::new();
    match timeout_at(deadline, start(program, machine)).await {
        Ok(Ok(mut vm)) => {
            machine.started = true;
            machine.spent.start = began.elapsed().as_secs_f64();
            let spent = &mut machine.spent;
            let sweep = sweep(&mut vm, program, machine.index, qom, &mut answers, spent);
            match timeout_at(deadline, sweep).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => machine.lost = error.to_string(),
                Err(_) => machine.lost = format!("not done within {} s", limit.as_secs()),
            }
            vm.end().await;
        }
        Ok(Err(error)) => machine.lost = error.first_line(),
        Err(_) => machine.lost = format!("no start within {} s", limit.as_secs()),
    }
    machine.seconds = began.elapsed().as_secs_f64();
    answers
}

async fn start(program: &Program, machine: &Machine) -> Result<Vm, VmError> {
    let mut args = machine.args.clone();
    args.push("-S".into());
    let case = Case {
        name: "sweep".into(),
        args,
        disks: machine.disks.clone(),
        ..Case::default()
    };
    Vm::start(&case, program).await
}

async fn sweep(
    vm: &mut Vm,
    program: &Program,
    machine: usize,
    qom: bool,
    answers: &mut Vec<Answer>,
    spent: &mut Spent,
) -> Result<(), VmError> {
    let began = Instant::now();
    let user = Arc::new(User::default());
    let (qmp, aux) = (vm.qmp.clone(), vm.aux.clone());
    let helped = engine::with(qmp, user.clone(), Passthrough::Auto, Risk::Safe).await?;
    let native = engine::with(aux, user.clone(), Passthrough::Never, Risk::Safe).await?;
    let things = Things::of(&vm.aux, native.caps(), qom).await?;
    let lines = lines::of(native.rows(), native.caps().version, &things, qom);
    let mut ours = Ours {
        helped: Side::engine(helped),
        native: Side::engine(native),
        user,
        ended: None,
        spent,
    };
    ours.spent.look = began.elapsed().as_secs_f64();
    let mut dead = String::new();
    for line in lines {
        if dead.is_empty() {
            let blank = Answer::blank(machine, program, &line);
            answers.extend(ours.answers(vm, &line, &blank).await);
            if let Some(whose) = ours.ended {
                dead = format!("QEMU ended at {line:?}");
                for answer in answers.iter_mut().rev().take_while(|a| a.line == line) {
                    answer.verdict = Verdict::Different;
                    answer.note = format!("QEMU ended as it was asked by {whose}");
                }
            }
        } else {
            for asked in Asked::ALL {
                let blank = Answer::blank(machine, program, &line);
                answers.push(Answer {
                    asked,
                    note: dead.clone(),
                    ..blank
                });
            }
        }
    }
    Ok(())
}

/// Our side in both modes.
struct Ours<'a> {
    helped: Side,
    native: Side,
    user: Arc<User>,
    /// Whose line QEMU ended at.
    ended: Option<&'static str>,
    spent: &'a mut Spent,
}

impl Ours<'_> {
    /// The built-in's answer, ours in both modes, and the built-in's again.
    async fn answers(&mut self, vm: &mut Vm, line: &str, blank: &Answer) -> [Answer; 2] {
        if self.native.plan(line).has_hazards {
            // The built-in has no such guard: what ours refuses is not typed there.
            let native = self.native.line(line).await;
            self.notice(vm, "ours without the built-in").await;
            if native.refusal == Some(Refusal::Harm) {
                return Asked::ALL.map(|asked| judged(blank, &native, asked, Default::default()));
            }
        }
        self.user.types(line);
        let (before, took) = timed(vm.builtin_line_with(line, None)).await;
        self.spent.builtin += took;
        self.notice(vm, "the built-in").await;
        let (helped, took) = timed(self.helped.line(line)).await;
        self.spent.ours += took;
        self.notice(vm, "ours").await;
        let (native, took) = timed(self.native.line(line)).await;
        self.spent.ours += took;
        self.notice(vm, "ours without the built-in").await;
        let (after, took) = timed(vm.builtin_line_with(line, None)).await;
        self.spent.builtin += took;
        self.notice(vm, "the built-in, again").await;
        let builtin = match (before, after) {
            (Ok(before), Ok(after)) => [before, after],
            (Err(error), _) | (_, Err(error)) => {
                return Asked::ALL.map(|asked| Answer {
                    asked,
                    command: native.command.clone(),
                    note: error.to_string(),
                    ..blank.clone()
                });
            }
        };
        [
            judged(blank, &helped, Asked::Default, builtin.clone()),
            judged(blank, &native, Asked::NativeOnly, builtin),
        ]
    }

    /// Notices that QEMU is gone, which is this one's doing where it was there before.
    async fn notice(&mut self, vm: &mut Vm, whose: &'static str) {
        if self.ended.is_some() {
            return;
        }
        let (ending, took) = timed(vm.is_ending()).await;
        self.spent.alive += took;
        if ending {
            self.ended = Some(whose);
        }
    }
}

/// What comes of it, and how many seconds that takes.
async fn timed<T>(work: impl Future<Output = T>) -> (T, f64) {
    let began = Instant::now();
    let done = work.await;
    (done, began.elapsed().as_secs_f64())
}

/// The answer to a line that was asked.
fn judged(blank: &Answer, ran: &Ran, asked: Asked, builtin: [String; 2]) -> Answer {
    let (verdict, compared) = judge(ran, asked, [&builtin[0], &builtin[1]]);
    let mut answer = Answer {
        asked,
        command: ran.command.clone(),
        route: ran.route,
        verdict,
        note: match &ran.outcome {
            Outcome::Answered => String::new(),
            Outcome::Lost(why) => why.clone(),
            Outcome::Panicked(text) => format!("the command panicked: {text}"),
        },
        ..blank.clone()
    };
    if let Some(compared) = compared {
        answer.part = (verdict == Verdict::Partial).then_some(compared.part);
        answer.masks = compared.masks;
        answer.differences = compare::marked(compared.differences);
    }
    if !answer.is_clean() {
        answer.builtin = Some(builtin);
        answer.ours = Some(ran.text.clone());
    }
    answer
}

impl Answer {
    fn blank(machine: usize, program: &Program, line: &str) -> Self {
        Self {
            machine,
            qemu: program.qemu.clone(),
            line: line.to_owned(),
            command: String::new(),
            asked: Asked::Default,
            route: None,
            verdict: Verdict::NotRun,
            part: None,
            masks: Vec::new(),
            differences: Vec::new(),
            builtin: None,
            ours: None,
            note: String::new(),
        }
    }
}
