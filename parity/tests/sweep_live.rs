// SPDX-License-Identifier: GPL-2.0-or-later
//! Sweeps of the QEMUs at hand.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use parity::case::CaseError;
use parity::judge::KnownList;
use parity::live::programs::{self, Program};
use parity::live::sweep::random::{self, Plan, Source, SweepError};
use tokio::sync::watch;

/// The QEMUs at hand; where there is none it says so.
fn at_hand() -> Vec<Program> {
    let found = programs::available();
    if found.is_empty() {
        let variable = programs::VARIABLE;
        // Not by a macro: what those print is shown only for tests that fail.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: no QEMU; {variable} can name some"
        );
    }
    found
}

fn known() -> Result<KnownList, CaseError> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    KnownList::load(&folder.join("known.toml"))
}

fn plan(source: Source) -> Plan {
    Plan {
        source,
        args: Vec::new(),
        at_once: 2,
        qom: false,
        limit: Duration::from_secs(120),
    }
}

#[test]
fn a_machine_without_devices_is_asked_for_everything() {
    for program in at_hand() {
        let (_stop, stopped) = watch::channel(false);
        let args = ["-M", "none", "-nodefaults"].map(str::to_owned);
        let plan = plan(Source::Given(args.into()));
        let found = random::sweep(&program, &plan, &stopped, &mut known().unwrap()).unwrap();
        assert_eq!(found.started(), 1, "{}", found.render());
        let asked: usize = found.totals.values().flat_map(|t| t.values()).sum();
        assert!(asked > 100, "{}: {asked} answers", program.qemu);
        assert_eq!(found.totals.len(), 2, "{}", found.render());
    }
}

#[test]
fn the_same_seed_gives_the_same_machines() {
    for program in at_hand() {
        let (_stop, stopped) = watch::channel(false);
        let of = |indexes| {
            let plan = plan(Source::Random { seed: 1, indexes });
            random::sweep(&program, &plan, &stopped, &mut known().unwrap()).unwrap()
        };
        let all = of(0..3);
        assert_eq!(all.machines.len(), 3);
        let one = of(2..3);
        assert_eq!(one.machines[0].args, all.machines[2].args);
        assert_eq!(one.machines[0].started, all.machines[2].started);
    }
}

#[test]
fn what_is_to_stop_leaves_no_machine() {
    for program in at_hand() {
        let (stop, stopped) = watch::channel(false);
        let plan = plan(Source::Random {
            seed: 1,
            indexes: 0..1000,
        });
        let stopper = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(2));
            stop.send(true)
        });
        let found = random::sweep(&program, &plan, &stopped, &mut known().unwrap());
        assert!(matches!(found, Err(SweepError::Stopped)));
        stopper.join().unwrap().unwrap();
    }
}
