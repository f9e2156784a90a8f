// SPDX-License-Identifier: GPL-2.0-or-later
//! A guest that works while its registers are read, again and again: what it does goes on, and time
//! does. `HMP_TEST_LONG` has them read as often as the figures in docs/hmp.md say.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::linux::{Linux, folder};
use crate::pc::{has, pcs};
use hmp::client::Events;
use hmp::host::Unattended;
use hmp_engine::command::route::Passthrough;
use hmp_engine::engine::{Monitor, Outcome};
use hmp_engine::host::Risk;

/// How long it may take until the guest answers, on a machine that is busy.
const BOOT: Duration = Duration::from_secs(120);

/// How often something is done: less where nobody wants to wait.
fn times(long: usize) -> usize {
    match std::env::var_os("HMP_TEST_LONG") {
        Some(_) => long,
        None => long / 20,
    }
}

/// How long the VM stood still.
#[derive(Default)]
struct Pauses {
    /// At most, as the engine reports for each line.
    reported: Vec<Duration>,
    /// From STOP to RESUME, by the clock of QEMU's host.
    stopped: Duration,
}

impl Pauses {
    /// Takes the events of one line.
    fn take(&mut self, events: &mut Events) {
        let mut stopped = None;
        while let Some(event) = events.try_recv() {
            let seconds = Duration::from_secs(event.seconds.try_into().unwrap());
            let time = seconds + Duration::from_micros(event.microseconds.try_into().unwrap());
            match (event.name.as_str(), stopped) {
                ("STOP", _) => stopped = Some(time),
                ("RESUME", Some(began)) => {
                    self.stopped += time.saturating_sub(began);
                    stopped = None;
                }
                _ => {}
            }
        }
        assert_eq!((stopped, events.dropped()), (None, 0));
    }

    fn sum(&self) -> Duration {
        self.reported.iter().sum()
    }

    fn report(&mut self, name: &str, what: &str) {
        self.reported.sort();
        let count = self.reported.len();
        let (median, most) = (self.reported[count / 2], self.reported[count - 1]);
        let line = format!("{name}: {what}: {count} pauses, median {median:?}, longest {most:?}");
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

fn descriptors(linux: &Linux) -> usize {
    let folder = format!("/proc/{}/fd", linux.qemu.pid());
    std::fs::read_dir(folder).unwrap().count()
}

/// Runs a line that many times on a guest that runs.
async fn read(linux: &mut Linux, line: &str, count: usize) -> Pauses {
    let builder = Monitor::builder(Arc::new(linux.client.clone())).host(Arc::new(Unattended));
    let builder = builder.passthrough(Passthrough::Never).allow(Risk::Risky);
    let mut monitor = builder.build().await.unwrap();
    let mut pauses = Pauses::default();
    while linux.events.try_recv().is_some() {}
    for _ in 0..count {
        let mut text = String::new();
        let ran = monitor.run_line(line, &mut text).await;
        assert!(matches!(ran.outcome, Outcome::Done), "{line}: {text}");
        assert!(!ran.paused.is_zero(), "{line}: {text}");
        pauses.reported.push(ran.paused);
        pauses.take(&mut linux.events);
    }
    assert!(pauses.stopped <= pauses.sum(), "{line}");
    assert_eq!(linux.execute("query-status").await["status"], "running");
    pauses
}

/// The guest writes to its disk, reads it back and compares.
#[tokio::test]
async fn a_guest_that_uses_its_disk_is_not_disturbed() {
    let Some(folder) = folder() else { return };
    for program in pcs().filter(|program| has(program, "long")) {
        let name = program.display().to_string();
        let scratch = tempfile::tempdir_in("/tmp").unwrap();
        let disk = scratch.path().join("disk");
        std::fs::File::create(&disk)
            .unwrap()
            .set_len(8 << 20)
            .unwrap();
        let drive = format!("if=none,id=d,format=raw,file={}", disk.display());
        let more = ["-drive", &drive, "-device", "virtio-blk-pci,drive=d"];
        let mut linux = booted(&program, &folder, &more, "disk").await;
        let (before, held) = (linux.report().await, descriptors(&linux));
        let mut pauses = read(&mut linux, "info registers", times(1000)).await;
        let mut after = linux.report().await;
        // On a busy machine it may need time for another round.
        for _ in 0..100 {
            if after.rounds > before.rounds + 1 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            after = linux.report().await;
        }
        assert!(
            after.rounds > before.rounds + 1,
            "{name}: {before:?}, {after:?}"
        );
        assert_eq!((before.bad, after.bad), (0, 0), "{name}");
        assert_eq!(descriptors(&linux), held, "{name}");
        let rounds = after.rounds - before.rounds;
        pauses.report(
            &name,
            &format!("info registers, {rounds} rounds of the guest's"),
        );
    }
}

/// The guest's clock is behind by what the VM stood still as reported, and no more.
#[tokio::test]
async fn the_clock_of_a_guest_goes_on() {
    let Some(folder) = folder() else { return };
    for program in pcs().filter(|program| has(program, "long")) {
        let name = program.display().to_string();
        let mut linux = booted(&program, &folder, &[], "idle").await;
        let before = linux.report().await;
        let began = Instant::now();
        let mut pauses = read(&mut linux, "print $pc", times(10_000)).await;
        let took = began.elapsed();
        let after = linux.report().await;
        let behind = took.saturating_sub(after.up - before.up);
        let what = format!(
            "print $pc in {took:?}, {behind:?} behind, {:?} paused at most as reported, {:?} from \
             STOP to RESUME",
            pauses.sum(),
            pauses.stopped
        );
        pauses.report(&name, &what);
        // The guest's clock shows hundredths.
        let permitted = pauses.sum() + took / 100 + Duration::from_millis(20);
        assert!(behind <= permitted, "{name}: {what}");
    }
}

async fn booted(program: &Path, folder: &Path, more: &[&str], work: &str) -> Linux {
    let (linux, ready) = Linux::boot(program, folder, more, work, BOOT).await;
    assert!(ready, "it does not boot");
    linux
}
