// SPDX-License-Identifier: GPL-2.0-or-later
//! What sweeps found.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::answer::{Answer, Asked};
use crate::case::{Disk, Qemu};
use crate::judge::compare::Part;
use crate::judge::{KnownList, Verdict};

/// A machine, and what became of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Machine {
    /// Its number.
    pub index: usize,
    /// QEMU's arguments, as cases have them.
    pub args: Vec<String>,
    /// Images made before QEMU starts, as cases have them.
    pub disks: Vec<Disk>,
    /// Whether QEMU started.
    pub started: bool,
    /// Why it did not start, or why not all lines were asked; empty where all is well.
    pub lost: String,
    /// How long all of it took.
    pub seconds: f64,
    /// What that time went to.
    pub spent: Spent,
}

/// Seconds that went to a part of the work, QEMU's own included.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Spent {
    /// Making images and starting QEMU.
    pub start: f64,
    /// Asking what the VM has.
    pub look: f64,
    /// The built-in's answers.
    pub builtin: f64,
    /// Ours, in both modes.
    pub ours: f64,
    /// Looking whether QEMU is still there.
    pub alive: f64,
}

impl std::ops::AddAssign for Spent {
    fn add_assign(&mut self, more: Self) {
        self.start += more.start;
        self.look += more.look;
        self.builtin += more.builtin;
        self.ours += more.ours;
        self.alive += more.alive;
    }
}

/// How many answers of one QEMU in one mode have which verdict.
pub type Totals = BTreeMap<Verdict, usize>;

/// What sweeps of one QEMU found.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// The QEMU.
    pub qemu: Qemu,
    /// The seed of machines that were put together.
    pub seed: Option<u64>,
    /// The machines, by number.
    pub machines: Vec<Machine>,
    /// How many answers have which verdict, by mode.
    pub totals: BTreeMap<&'static str, Totals>,
    /// How much the parts of answers show, by command.
    pub parts: BTreeMap<String, Part>,
    /// What is different, known to be different, or not run.
    pub answers: Vec<Answer>,
}

impl Found {
    /// Nothing yet.
    #[must_use]
    pub fn new(qemu: &Qemu, seed: Option<u64>) -> Self {
        Self {
            qemu: qemu.clone(),
            seed,
            machines: Vec::new(),
            totals: BTreeMap::new(),
            parts: BTreeMap::new(),
            answers: Vec::new(),
        }
    }

    /// Adds a machine with the answers to its lines; differences that are expected are known.
    pub fn add(&mut self, machine: Machine, mut answers: Vec<Answer>, known: &mut KnownList) {
        known.excuse(&mut answers);
        self.machines.push(machine);
        for answer in answers {
            let totals = self.totals.entry(answer.asked.word()).or_default();
            *totals.entry(answer.verdict).or_default() += 1;
            if let Some(part) = answer.part {
                let sum = self.parts.entry(answer.command.clone()).or_default();
                sum.shown += part.shown;
                sum.of += part.of;
            }
            if answer.verdict == Verdict::Known || !answer.is_clean() {
                self.answers.push(answer);
            }
        }
    }

    /// Puts machines in their order: they come as they are done.
    pub fn sort(&mut self) {
        self.machines.sort_by_key(|machine| machine.index);
        self.answers.sort_by_key(|answer| answer.machine);
    }

    /// How many machines started.
    #[must_use]
    pub fn started(&self) -> usize {
        self.machines
            .iter()
            .filter(|machine| machine.started)
            .count()
    }

    /// Whether nothing is different, all lines of what started were run, and something started.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let lost = |machine: &Machine| machine.started && !machine.lost.is_empty();
        self.started() > 0
            && !self.machines.iter().any(lost)
            && self.answers.iter().all(Answer::is_clean)
    }

    /// As text.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = format!("== {}\n", self.qemu);
        for machine in &self.machines {
            self.machine(&mut out, machine);
        }
        self.summary(&mut out);
        out
    }

    fn machine(&self, out: &mut String, machine: &Machine) {
        let answers = self
            .answers
            .iter()
            .filter(|a| a.machine == machine.index && !a.is_clean());
        let answers: Vec<&Answer> = answers.collect();
        if answers.is_empty() && machine.lost.is_empty() {
            return;
        }
        // Writing to a string can't fail.
        let _ = match self.seed {
            Some(seed) => writeln!(
                out,
                "\nmachine {index} (--random {count} --seed {seed} --only {index}):",
                index = machine.index,
                count = machine.index + 1,
            ),
            None => writeln!(out, "\nmachine {}:", machine.index),
        };
        if !machine.lost.is_empty() {
            let what = if machine.started {
                "not run to its end"
            } else {
                "does not start"
            };
            let first = machine.lost.lines().next().unwrap_or_default();
            let _ = writeln!(out, "  {what}: {first}");
        }
        out.push_str(&as_case(machine));
        let mut not_run = 0;
        for answer in answers {
            if answer.verdict == Verdict::NotRun && answer.note.starts_with("QEMU ended") {
                not_run += 1;
                continue;
            }
            let _ = writeln!(
                out,
                "  {} [{}] {}{}{}",
                answer.verdict.word(),
                answer.asked.word(),
                answer.line,
                if answer.note.is_empty() { "" } else { ": " },
                answer.note
            );
            out.push_str(&differences(answer));
        }
        if not_run > 0 {
            let _ = writeln!(
                out,
                "  not-run: {not_run} answers behind the line at which QEMU ended"
            );
        }
    }

    fn summary(&self, out: &mut String) {
        let mut by_command: BTreeMap<(Asked, &str), Vec<&Answer>> = BTreeMap::new();
        for answer in self
            .answers
            .iter()
            .filter(|a| a.verdict == Verdict::Different)
        {
            let key = (answer.asked, answer.command.as_str());
            by_command.entry(key).or_default().push(answer);
        }
        if !by_command.is_empty() {
            let _ = writeln!(out, "\n{}: different by command:", self.qemu);
        }
        for ((asked, command), answers) in &by_command {
            let mut machines: Vec<usize> = answers.iter().map(|a| a.machine).collect();
            machines.dedup();
            let _ = writeln!(
                out,
                "  [{}] {command}: {} lines on {} machines (first: {})",
                asked.word(),
                answers.len(),
                machines.len(),
                machines.first().copied().unwrap_or_default()
            );
        }
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for machine in self.machines.iter().filter(|machine| !machine.started) {
            *reasons
                .entry(machine.lost.lines().next().unwrap_or_default())
                .or_default() += 1;
        }
        let seconds: f64 = self.machines.iter().map(|machine| machine.seconds).sum();
        let _ = writeln!(
            out,
            "{}: {} machines, {} started, {seconds:.1} s of them all",
            self.qemu,
            self.machines.len(),
            self.started()
        );
        let mut spent = Spent::default();
        for machine in &self.machines {
            spent += machine.spent;
        }
        let (start, look) = (spent.start, spent.look);
        let (builtin, ours, alive) = (spent.builtin, spent.ours, spent.alive);
        for (reason, count) in reasons {
            let _ = writeln!(out, "  {count} did not start: {reason}");
        }
        let _ = writeln!(
            out,
            "{}: starting {start:.1} s, looking around {look:.1} s, the built-in {builtin:.1} s, \
             ours {ours:.1} s, whether QEMU lives {alive:.1} s",
            self.qemu
        );
        for (command, part) in &self.parts {
            let _ = writeln!(out, "  part of {command}: {part} lines");
        }
        for (asked, totals) in &self.totals {
            let counts = totals
                .iter()
                .map(|(v, count)| format!("{count} {}", v.word()));
            let counts: Vec<_> = counts.collect();
            let _ = writeln!(out, "{} {asked}: {}", self.qemu, counts.join(", "));
        }
    }
}

/// The machine as a case has it.
fn as_case(machine: &Machine) -> String {
    #[derive(Serialize)]
    struct Lines<'a> {
        args: &'a [String],
        disks: &'a [Disk],
    }
    let lines = toml::to_string(&Lines {
        args: &machine.args,
        disks: &machine.disks,
    });
    let lines = lines.unwrap_or_else(|error| error.to_string());
    lines.lines().map(|line| format!("    {line}\n")).collect()
}

/// Lines shown of each side of a difference.
const SHOWN: usize = 3;

/// The lines that made a difference, the first few of each side.
fn differences(answer: &Answer) -> String {
    let mut out = String::new();
    if answer
        .builtin
        .as_ref()
        .is_some_and(|[before, after]| before != after)
    {
        out.push_str("    (the built-in's own two answers differ)\n");
    }
    for sign in ['-', '+'] {
        let lines = answer
            .differences
            .iter()
            .filter(|line| line.starts_with(sign));
        for line in lines.take(SHOWN) {
            let end = if line.ends_with('\n') {
                ""
            } else {
                " (no line end)\n"
            };
            let _ = write!(out, "    {line}{end}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::sample::qemu;

    fn answer(verdict: Verdict) -> Answer {
        Answer {
            machine: 3,
            qemu: qemu("10.0-x86_64"),
            line: "info name".into(),
            command: "info name".into(),
            asked: Asked::NativeOnly,
            route: None,
            verdict,
            part: None,
            masks: Vec::new(),
            differences: vec!["-vm\n".into(), "+wm\n".into()],
            builtin: Some(["vm\n".into(), "vm\n".into()]),
            ours: Some("wm\n".into()),
            note: String::new(),
        }
    }

    fn found(verdict: Verdict, machine: Machine) -> Found {
        let mut found = Found::new(&qemu("10.0-x86_64"), Some(9));
        found.add(machine, vec![answer(verdict)], &mut KnownList::default());
        found
    }

    fn machine(started: bool, lost: &str) -> Machine {
        Machine {
            index: 3,
            args: vec!["-M".into(), "q35".into()],
            started,
            lost: lost.into(),
            ..Machine::default()
        }
    }

    #[test]
    fn a_difference_names_what_repeats_it() {
        let found = found(Verdict::Different, machine(true, ""));
        let text = found.render();
        for part in [
            "--random 4 --seed 9 --only 3",
            "args = [\"-M\", \"q35\"]",
            "different [native-only] info name",
            "-vm\n",
            "+wm\n",
            "1 different",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(!found.is_clean());
    }

    #[test]
    fn a_machine_that_does_not_start_is_shown_and_one_lost_on_the_way_fails() {
        let text = found(Verdict::Identical, machine(false, "no such bus\nmore")).render();
        assert!(text.contains("does not start: no such bus\n"), "{text}");
        assert!(!text.contains("more"), "{text}");
        assert!(found(Verdict::Identical, machine(true, "")).is_clean());
        assert!(!found(Verdict::Identical, machine(true, "late")).is_clean());
        assert!(!found(Verdict::NotRun, machine(true, "")).is_clean());
    }
}
