// SPDX-License-Identifier: GPL-2.0-or-later
//! Learns what QMP does not say of types of devices, for `qemu/learned` of the engine.
//!
//! `order` adds to a table in which order the QEMUs of one release, for different targets, print
//! properties in `info qtree`: each is started with every machine that it has, with all devices that
//! can be plugged into some machines, and with each other device by itself. Expect a QEMU to take
//! some minutes. `models` adds what they say in `info qdm`; `regions` writes what is always true of
//! memory regions in `info mtree`: before a machine runs, and after its firmware did, or a Linux.

mod learn;
mod models;
mod mtree;
mod plug;
mod qemu;
mod set_ups;

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hmp_engine::qemu::learned::device_models::Models;
use hmp_engine::qemu::learned::property_order::Order;
use serde_json::json;

use self::learn::{Types, learn};
use self::qemu::Qemu;
use crate::error::Error;

/// Machines to plug devices into, where a QEMU has them.
const PLUGGABLE: &[&str] = &["q35", "pc", "virt", "pseries", "s390-ccw-virtio"];

/// Devices with buses for others, where a QEMU has them.
const WITH_BUSES: &[&str] = &[
    "pci-bridge,id=br1,chassis_nr=1",
    "pci-bridge,id=br2,chassis_nr=2",
    "pci-bridge,id=br3,chassis_nr=3",
    "pci-bridge,id=br4,chassis_nr=4",
    "pcie-root-port,id=rp1,chassis=5",
    "nec-usb-xhci,id=usb",
    "virtio-scsi,id=scsi",
    "virtio-serial,id=vser",
    "intel-hda,id=hda",
    "usb-ccid,id=ccid",
    "tpci200,id=ipack",
    "sdhci-pci,id=sd",
    "ipmi-bmc-sim,id=bmc",
];

/// What a device may want.
const WANTED: &[&str] = &[
    "",
    ",drive=be",
    ",drive=be,serial=x",
    ",chardev=ce",
    ",memdev=me",
    ",audiodev=ae",
    ",bus_nr=64",
    ",id=x,bmc=bmc",
];

/// Arguments with which every device finds what it may want.
const BACK_ENDS: &[&str] = &[
    "-blockdev",
    "null-co,node-name=be",
    "-chardev",
    "null,id=ce",
    "-object",
    "memory-backend-ram,id=me,size=1M",
    "-audiodev",
    "none,id=ae",
];

/// How often a machine that runs is looked at.
const LOOKS: u32 = 2;

/// How long the firmware of a machine with all devices may take.
const PLUGGED_RUNS: Duration = Duration::from_secs(20);

/// Names of types that end QEMU when somebody looks, wait for a peer for ever, or are no devices by
/// themselves.
const AVOIDED: &[&str] = &["-gl", "cpu", "ivshmem", "vhost"];

fn avoided(kind: &str) -> bool {
    AVOIDED.iter().any(|word| kind.contains(word))
}

/// The machines of a QEMU by their names without a release.
fn machines(program: &Path) -> Result<Vec<String>, Error> {
    let help = Command::new(program).args(["-M", "help"]).output()?.stdout;
    let help = String::from_utf8(help)?;
    let names = help.lines().skip(1).filter_map(|l| l.split(' ').next());
    let current = |name: &&str| {
        let release = name.rsplit('-').next().unwrap_or_default();
        let old = release.contains('.') && release.chars().all(|c| c == '.' || c.is_ascii_digit());
        !old && !name.is_empty() && !name.starts_with("xen") && *name != "none"
    };
    Ok(names.filter(current).map(str::to_owned).collect())
}

/// The types of devices that a QEMU has and `order` does not.
fn unknown(qemu: &Qemu, order: &Order) -> Result<Vec<String>, Error> {
    let devices = json!({"implements": "device", "abstract": false});
    let types = qemu.qmp.call("qom-list-types", &devices)?;
    let names = types.as_array().into_iter().flatten();
    let names = names.filter_map(|kind| kind["name"].as_str().map(str::to_owned));
    Ok(names
        .filter(|kind| !avoided(kind) && !order.properties.contains_key(kind))
        .collect())
}

struct Learner {
    types: Types,
    order: Order,
    /// Types that only boards make.
    never: HashSet<String>,
}

impl Learner {
    fn look(&mut self, qemu: &Qemu, what: &str) {
        if let Err(error) = learn(&qemu.qmp, &mut self.types, &mut self.order) {
            say(&format!("  {what}: {error}"));
        }
    }

    fn program(&mut self, program: &Path) -> Result<(), Error> {
        let machines = machines(program)?;
        for machine in &machines {
            let mut arguments = vec!["-M".to_owned(), machine.clone()];
            let mut started = Qemu::start(program, &arguments);
            // Boards with a sound chip ask for a back end.
            if started
                .as_ref()
                .is_err_and(|e| e.to_string().contains("audio"))
            {
                arguments.extend(["-audio", "none"].map(str::to_owned));
                started = Qemu::start(program, &arguments);
            }
            match started {
                Ok(qemu) => self.look(&qemu, machine),
                Err(error) => say(&format!("  {machine}: {error}")),
            }
        }
        for machine in machines.iter().filter(|m| PLUGGABLE.contains(&m.as_str())) {
            self.devices(program, machine)?;
        }
        Ok(())
    }

    /// Devices that a user may add to `machine`.
    fn devices(&mut self, program: &Path, machine: &str) -> Result<(), Error> {
        let mut base = vec!["-M".to_owned(), machine.to_owned()];
        base.extend(BACK_ENDS.iter().map(|&argument| argument.to_owned()));
        for device in WITH_BUSES {
            let mut more = base.clone();
            more.extend(["-device".to_owned(), (*device).to_owned()]);
            if Qemu::start(program, &more).is_ok() {
                base = more;
            }
        }
        // A type that ends QEMU is passed over.
        let mut next = 0;
        loop {
            let qemu = Qemu::start(program, &base)?;
            match plug::plug(&qemu.qmp, &mut next) {
                Err(error) => say(&format!("  {machine}: {error}")),
                Ok(()) => {
                    self.look(&qemu, machine);
                    break;
                }
            }
        }
        let rest = unknown(&Qemu::start(program, &base)?, &self.order)?;
        for kind in rest {
            if self.never.contains(&kind) {
                continue;
            }
            for wanted in WANTED {
                let mut more = base.clone();
                more.extend(["-device".to_owned(), format!("{kind}{wanted}")]);
                match Qemu::start(program, &more) {
                    Ok(qemu) => {
                        self.look(&qemu, &kind);
                        break;
                    }
                    Err(error) if error.to_string().contains("pluggable") => {
                        self.never.insert(kind);
                        break;
                    }
                    Err(_) => {}
                }
            }
        }
        Ok(())
    }
}

fn say(text: &str) {
    // Somebody who reads no more is not a reason to stop.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Adds to `table` in which order these programs print properties.
pub fn order(table: &Path, programs: &[PathBuf]) -> Result<(), Error> {
    let mut learner = Learner {
        types: Types::default(),
        order: Order::read(&std::fs::read_to_string(table).unwrap_or_default()),
        never: HashSet::new(),
    };
    for program in programs {
        say(&program.display().to_string());
        learner.types = Types::default();
        learner.program(program)?;
        let mut order = learner.order.clone();
        order.simplify();
        std::fs::write(table, header("order", programs)? + &order.write())?;
    }
    Ok(())
}

/// Adds to `table` what these programs say of types of devices in `info qdm`.
pub fn models(table: &Path, programs: &[PathBuf]) -> Result<(), Error> {
    let mut models = Models::read(&std::fs::read_to_string(table).unwrap_or_default());
    for program in programs {
        let qemu = Qemu::start(program, &["-M".into(), "none".into()])?;
        models::learn(&qemu.qmp, &mut models)?;
    }
    std::fs::write(table, header("models", programs)? + &models.write())?;
    Ok(())
}

/// A machine to look at.
enum Job<'a> {
    /// With its own devices and options.
    SetUp(&'a Path, set_ups::SetUp),
    /// With a device of every type that it takes.
    Plugged(&'a Path, String),
}

/// Writes into `table` what these programs always say of memory regions.
pub fn regions(table: &Path, programs: &[PathBuf]) -> Result<(), Error> {
    let mut jobs = Vec::new();
    for program in programs {
        let machines = machines(program)?;
        let set_ups = set_ups::all(&machines).into_iter();
        jobs.extend(set_ups.map(|set_up| Job::SetUp(program, set_up)));
        let pluggable = machines
            .into_iter()
            .filter(|m| PLUGGABLE.contains(&m.as_str()));
        jobs.extend(pluggable.map(|machine| Job::Plugged(program, machine)));
    }
    // Those that take longest come first; most wait for a guest, or for QEMU.
    let jobs = Mutex::new(jobs);
    let workers = 2 * std::thread::available_parallelism()?.get();
    let work = || {
        let mut seen = mtree::Seen::default();
        loop {
            let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(job) = job else {
                return seen;
            };
            look(job, &mut seen);
        }
    };
    let mut seen = mtree::Seen::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            seen.merge(worker.join().map_err(|_| "a worker panicked")?);
        }
        Ok::<(), Error>(())
    })?;
    let facts = seen.facts();
    std::fs::write(table, header("regions", programs)? + &facts.write())?;
    Ok(())
}

/// Looks at a machine; says why where that fails.
fn look(job: Job<'_>, seen: &mut mtree::Seen) {
    let (program, what, looked) = match job {
        Job::SetUp(program, mut set_up) => {
            let mut looked = watch(program, &set_up, seen);
            // Boards with a sound chip ask for a back end.
            if looked
                .as_ref()
                .is_err_and(|e| e.to_string().contains("audio"))
            {
                set_up
                    .arguments
                    .extend(["-audio", "none"].map(str::to_owned));
                looked = watch(program, &set_up, seen);
            }
            (program, set_up.arguments.join(" "), looked)
        }
        Job::Plugged(program, machine) => {
            let looked = plugged(program, &machine, seen);
            (program, machine, looked)
        }
    };
    if let Err(error) = looked {
        say(&format!("  {} {what}: {error}", program.display()));
    }
}

/// Looks at a machine before it runs and after.
fn watch(program: &Path, set_up: &set_ups::SetUp, seen: &mut mtree::Seen) -> Result<(), Error> {
    let qemu = Qemu::start(program, &set_up.arguments)?;
    seen.look(&qemu.qmp)?;
    run(&qemu, set_up.runs, seen)
}

/// Lets a machine run for a while, and looks at it several times.
fn run(qemu: &Qemu, runs: Duration, seen: &mut mtree::Seen) -> Result<(), Error> {
    for _ in 0..LOOKS {
        qemu.qmp.call("cont", &serde_json::Value::Null)?;
        std::thread::sleep(runs / LOOKS);
        qemu.qmp.call("stop", &serde_json::Value::Null)?;
        seen.look(&qemu.qmp)?;
    }
    Ok(())
}

/// Looks at a machine with a device of every type that takes one.
fn plugged(program: &Path, machine: &str, seen: &mut mtree::Seen) -> Result<(), Error> {
    let mut base = vec!["-M".to_owned(), machine.to_owned()];
    base.extend(BACK_ENDS.iter().map(|&argument| argument.to_owned()));
    for device in WITH_BUSES {
        let mut more = base.clone();
        more.extend(["-device".to_owned(), (*device).to_owned()]);
        if Qemu::start(program, &more).is_ok() {
            base = more;
        }
    }
    let mut next = 0;
    loop {
        let qemu = Qemu::start(program, &base)?;
        match plug::plug(&qemu.qmp, &mut next) {
            Err(error) => say(&format!("  {machine}: {error}")),
            Ok(()) => {
                let looked = seen.look(&qemu.qmp);
                if let Err(error) = looked.and_then(|()| run(&qemu, PLUGGED_RUNS, seen)) {
                    say(&format!("  {machine}: {error}"));
                }
                return Ok(());
            }
        }
    }
}

/// The line above a table: what made it, and from which programs.
fn header(what: &str, programs: &[PathBuf]) -> Result<String, Error> {
    let mut names = Vec::new();
    for program in programs {
        let said = Command::new(program).arg("--version").output()?.stdout;
        let said = String::from_utf8_lossy(&said);
        let version = said
            .split_whitespace()
            .skip_while(|w| *w != "version")
            .nth(1);
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        let target = name.rsplit('-').next().unwrap_or_default();
        names.push(format!("{} {target}", version.unwrap_or("unknown")));
    }
    Ok(format!(
        "# Learned by `cargo xtask learn-devices {what}` from QEMU {}\n",
        names.join(", ")
    ))
}
