// SPDX-License-Identifier: GPL-2.0-or-later
//! A real QEMU is killed, or stopped and perhaps continued, at a moment of a sequence of commands
//! that is left to chance: `hmp` ends in time with the exit code that its manual names, and nothing
//! stays behind, here or in QEMU. Twenty sequences, 500 with `HMP_TEST_LONG`; the seed is the same
//! in every run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::common::program::{Ran, heeding, hmp, run};
use crate::common::qemu::{Qemu, qemus};
use crate::common::random::Random;

/// What becomes of the QEMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Blow {
    /// SIGKILL.
    Killed,
    /// SIGSTOP, and SIGCONT a moment later.
    Paused,
    /// SIGSTOP, with `--timeout 1`, and SIGCONT when `hmp` has ended.
    Frozen,
}

const BLOWS: [Blow; 3] = [Blow::Killed, Blow::Paused, Blow::Frozen];

/// Lines that ask once, and often; that change the machine; that have QEMU write memory and files,
/// and wait for jobs.
const LINES: &[&str] = &[
    "info status",
    "info name",
    "info block -v",
    "info qtree",
    "info mtree",
    "info pci",
    "info qom-tree",
    "info chardev",
    "info cpus",
    "info migrate",
    "help device_add",
    "print 1+1",
    "x /4096xw 0",
    "xp /4096xb 0x1000",
    "stop",
    "cont",
    "device_add virtio-rng-pci,id=r",
    "device_del r",
    "object_add rng-builtin,id=o",
    "object_del o",
    "chardev-add null,id=c",
    "chardev-remove c",
    "sum 0 65536",
    "pmemsave 0 65536 FOLDER/memory",
    "dump-guest-memory FOLDER/dump 0 65536",
    "screendump FOLDER/picture",
    "migrate \"exec:cat > /dev/null\"",
    "logfile FOLDER/log",
    "info replay",
    "sendkey a",
];

/// What a sequence is made of, with its number.
const SEED: u64 = 20_261_128;

/// Sequences that are under way at once.
const AT_ONCE: usize = 4;

/// Lines of a sequence.
const LONG: u64 = 40;

/// No sequence takes longer, once the blow has fallen: connecting waits 10 s for a greeting.
const IN_TIME: Duration = Duration::from_secs(40);

fn send(qemu: &Qemu, signal: Signal) {
    kill_process(
        Pid::from_raw(qemu.pid().try_into().unwrap()).unwrap(),
        signal,
    )
    .unwrap();
}

/// What is run, and when the blow falls.
struct Sequence {
    blow: Blow,
    lines: Vec<String>,
    /// Whether the moment counts from the first answer; else from the start of `hmp`.
    at_work: bool,
    /// In milliseconds.
    moment: u64,
    /// How long a pause is.
    pause: u64,
}

impl Sequence {
    fn by_chance(random: &mut Random, number: usize, folder: &Path) -> Self {
        let folder = folder.display().to_string();
        for _ in 0..20 {
            // Numbers that begin at neighbours are alike at first.
            random.below(2);
        }
        let lines = (0..LONG).map(|_| random.of(LINES).replace("FOLDER", &folder));
        Self {
            blow: BLOWS[number % BLOWS.len()],
            lines: lines.collect(),
            at_work: !number.is_multiple_of(4),
            moment: random.below(150),
            pause: 20 + random.below(300),
        }
    }

    /// Starts it; its first answer is reported.
    fn start(&self, qemu: &Qemu, scratch: &Path) -> (Child, Receiver<()>) {
        let mut command = heeding();
        command.arg(qemu.socket()).env("TMPDIR", scratch);
        if self.blow == Blow::Frozen {
            command.args(["--timeout", "1"]);
        }
        let pipe = || Stdio::piped();
        command.stdin(pipe()).stdout(pipe()).stderr(pipe());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let text = self.lines.join("\n") + "\n";
        // A pipe has room for all of it.
        stdin.write_all(text.as_bytes()).unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let (sender, answered) = channel();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while stdout.read(&mut chunk).is_ok_and(|length| length > 0) {
                let _ = sender.send(());
            }
        });
        (child, answered)
    }

    fn strike(&self, qemu: &mut Qemu, answered: &Receiver<()>) {
        if self.at_work {
            // None comes where it has ended already.
            let _ = answered.recv_timeout(IN_TIME);
        }
        std::thread::sleep(Duration::from_millis(self.moment));
        match self.blow {
            Blow::Killed => qemu.kill(),
            Blow::Paused => {
                send(qemu, Signal::STOP);
                std::thread::sleep(Duration::from_millis(self.pause));
                send(qemu, Signal::CONT);
            }
            Blow::Frozen => send(qemu, Signal::STOP),
        }
    }
}

/// The end of `hmp`, which must come.
fn ends(mut child: Child, place: &str) -> Ran {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > IN_TIME {
            let _ = child.kill();
            panic!("{place}: it hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    Ran {
        stdout: String::new(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        code: output.status.code(),
    }
}

/// What of the manual's table may apply.
fn judge(blow: Blow, ran: &Ran, place: &str) {
    let code = ran
        .code
        .unwrap_or_else(|| panic!("{place}: ended by a signal: {ran:?}"));
    let may: &[i32] = match blow {
        // All that was asked for may have been done before.
        Blow::Killed | Blow::Frozen => &[0, 1, 3, 4],
        Blow::Paused => &[0, 1],
    };
    assert!(may.contains(&code), "{place}: {ran:?}");
    assert!(!ran.stderr.contains("panicked"), "{place}: {ran:?}");
    if code >= 3 {
        let first = ran.stderr.lines().find(|line| line.starts_with("hmp: "));
        assert!(first.is_some(), "{place}: no message: {ran:?}");
    }
    for line in ran.stderr.lines() {
        assert!(
            line.starts_with("hmp: ") || line.starts_with("  "),
            "{place}: {ran:?}"
        );
    }
}

/// How many files of ours the QEMU has open.
fn files(qemu: &Qemu) -> usize {
    let open = std::fs::read_dir(format!("/proc/{}/fd", qemu.pid())).unwrap();
    let links = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    links
        .filter(|link| link.to_string_lossy().contains("memfd:hmp"))
        .count()
}

/// The QEMU that lives on answers the next one, and has nothing of ours any more.
fn comes_clean(qemu: &Qemu, place: &str) {
    let next = run(hmp().arg(qemu.socket()).args(["-c", "info name"]));
    assert!(next.stdout.starts_with("tested\n"), "{place}: {next:?}");
    let jobs = run(hmp().arg(qemu.socket()).arg("--end-jobs"));
    assert_eq!(
        (jobs.code, jobs.stdout.as_str()),
        (Some(0), ""),
        "{place}: {jobs:?}"
    );
    assert_eq!(files(qemu), 0, "{place}");
}

fn one(program: &Path, number: usize) -> (Blow, Option<i32>, Duration) {
    let mut random = Random(SEED + number as u64);
    let mut qemu = Qemu::start(program, &["-m", "64"]);
    let scratch = tempfile::tempdir().unwrap();
    let sequence = Sequence::by_chance(&mut random, number, qemu.folder());
    let place = format!(
        "{}, sequence {number}, {:?} {} ms after {}: {:?}",
        program.display(),
        sequence.blow,
        sequence.moment,
        if sequence.at_work {
            "an answer"
        } else {
            "the start"
        },
        sequence.lines
    );
    let (child, answered) = sequence.start(&qemu, scratch.path());
    sequence.strike(&mut qemu, &answered);
    let begun = Instant::now();
    let ran = ends(child, &place);
    let took = begun.elapsed();
    judge(sequence.blow, &ran, &place);
    let left = std::fs::read_dir(scratch.path()).unwrap().count();
    assert_eq!(left, 0, "{place}: files are left");
    match sequence.blow {
        Blow::Killed => {
            let next = run(hmp().arg(qemu.socket()).args(["-c", "info name"]));
            assert_eq!(next.code, Some(3), "{place}: {next:?}");
        }
        Blow::Paused => comes_clean(&qemu, &place),
        Blow::Frozen => {
            send(&qemu, Signal::CONT);
            comes_clean(&qemu, &place);
        }
    }
    (sequence.blow, ran.code, took)
}

#[test]
fn at_a_moment_left_to_chance() {
    let programs = qemus();
    if programs.is_empty() {
        return;
    }
    let count = match std::env::var_os("HMP_TEST_LONG") {
        Some(_) => 500,
        None => 20,
    };
    let next = AtomicUsize::new(0);
    let met = Mutex::new(Vec::new());
    // Most of the time is waited.
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    let program = &programs[number / BLOWS.len() % programs.len()];
                    let one = one(program, number);
                    met.lock().unwrap().push(one);
                }
            });
        }
    });
    let mut counts: BTreeMap<(Blow, i32), usize> = BTreeMap::new();
    let mut longest: BTreeMap<Blow, Duration> = BTreeMap::new();
    for (blow, code, took) in met.into_inner().unwrap() {
        *counts.entry((blow, code.unwrap_or(-1))).or_default() += 1;
        let longest = longest.entry(blow).or_default();
        *longest = took.max(*longest);
    }
    let mut table = "| QEMU is | 0 | 1 | 3 | 4 | longest |\n|---|--:|--:|--:|--:|--:|\n".to_owned();
    for blow in BLOWS {
        let _ = write!(table, "| {blow:?} |");
        for code in [0, 1, 3, 4] {
            let _ = write!(table, " {} |", counts.get(&(blow, code)).unwrap_or(&0));
        }
        let _ = writeln!(
            table,
            " {:.1} s |",
            longest.get(&blow).unwrap_or(&Duration::ZERO).as_secs_f64()
        );
    }
    // Not by a macro: what those print is shown only for tests that fail.
    let _ = writeln!(std::io::stderr(), "{count} sequences\n{table}");
}
