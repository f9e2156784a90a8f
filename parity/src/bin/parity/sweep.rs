// SPDX-License-Identifier: GPL-2.0-or-later
//! `parity sweep`.

use std::io::Write;
use std::thread;
use std::time::Duration;

use parity::judge::KnownList;
use parity::live::accel::Accel;
use parity::live::programs::Program;
use parity::live::sweep::random::{self, Plan, Source};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::cli::Sweep;
use crate::common::{Done, Error, print, runtime, write_json};

/// The format of the report.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Report {
    format: u32,
    qemus: Vec<parity::live::sweep::Found>,
}

impl Sweep {
    /// Sweeps one machine, or machines put together by chance.
    pub fn run(&self) -> Done {
        let mut known = KnownList::load(&self.known)?;
        let (stop, stopped) = watch::channel(false);
        on_signals(stop)?;
        let mut report = Report {
            format: FORMAT,
            qemus: Vec::new(),
        };
        let mut clean = true;
        for program in self.programs.all()? {
            if let Some(reason) = accel_lacks(self.accel, &program) {
                print(&format!("{}: skipped: {reason}\n", program.qemu))?;
                continue;
            }
            let found = random::sweep(&program, &self.plan(), &stopped, &mut known)?;
            print(&found.render())?;
            clean &= found.is_clean();
            report.qemus.push(found);
        }
        if let Some(path) = &self.json {
            write_json(path, &report)?;
        }
        Ok(clean)
    }

    fn plan(&self) -> Plan {
        let source = match self.random {
            Some(count) => Source::Random {
                seed: self.seed,
                indexes: self
                    .only
                    .map_or(0..count, |only| only..only.saturating_add(1)),
            },
            None => Source::Given(self.args.clone()),
        };
        let accel = self.accel.map(Accel::args);
        Plan {
            source,
            args: accel.map_or(Vec::new(), Vec::from),
            at_once: self
                .at_once
                .unwrap_or_else(|| 2 * thread::available_parallelism().map_or(1, usize::from)),
            qom: self.qom,
            limit: Duration::from_secs(self.limit),
        }
    }
}

/// Why the QEMU can't run on the accelerator that is asked for.
pub fn accel_lacks(accel: Option<Accel>, program: &Program) -> Option<String> {
    let accel = accel?;
    let reason = accel.lacks(program)?;
    Some(format!("no {}: {reason}", accel.word()))
}

/// Says `stop` when the process is to end, so that no QEMU is left behind; a second signal ends it
/// at once.
fn on_signals(stop: watch::Sender<bool>) -> Result<(), Error> {
    let runtime = runtime()?;
    let (mut interrupt, mut terminate) = {
        let _entered = runtime.enter();
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        )
    };
    thread::spawn(move || {
        runtime.block_on(async {
            for count in 0.. {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                // Who has no receiver any more is done.
                let _ = stop.send(true);
                if count > 0 {
                    let _ = writeln!(std::io::stderr(), "parity: stopped at once");
                    std::process::exit(2);
                }
            }
        });
    });
    Ok(())
}
