// SPDX-License-Identifier: GPL-2.0-or-later
//! How the cost of a line grows with what it is about.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::Options;
use super::clients::Raw;
use super::measure::{median, program, timed};
use super::relay;
use super::trees::IN_FLIGHT;
use super::vms::Vm;
use crate::error::Error;

/// How many there are.
pub const COUNTS: [usize; 3] = [10, 100, 1000];

/// A line's cost by the number of things, or why there is no figure.
pub struct Growth {
    pub what: &'static str,
    pub line: &'static str,
    pub costs: Vec<Result<Cost, String>>,
}

/// In seconds.
pub struct Cost {
    /// Ours.
    pub ours: f64,
    /// What its requests take raw, which is QEMU's part of it.
    pub raw: f64,
}

/// What is made, and the lines that look at it.
const THINGS: &[(&str, Make, &[&str])] = &[
    (
        "devices",
        devices,
        &["info qtree", "info qom-tree", "info qtree -b"],
    ),
    ("block nodes", nodes, &["info block -n", "info block"]),
    ("CPUs", cpus, &["info cpus", "info hotpluggable-cpus"]),
    ("snapshots", snapshots, &["info snapshots"]),
];

type Make = fn(&Path, usize) -> Result<Vm, Error>;

/// Measures all.
pub fn measure(options: &Options) -> Result<Vec<Growth>, Error> {
    let mut all = Vec::new();
    for (what, make, lines) in THINGS {
        let first = all.len();
        all.extend(lines.iter().map(|line| Growth {
            what,
            line,
            costs: Vec::new(),
        }));
        for count in COUNTS {
            let vm = make(&options.qemu, count);
            if let Err(error) = &vm {
                super::print(&format!("left out: {count} {what}: {error}"));
            }
            for growth in &mut all[first..] {
                let cost = match &vm {
                    Ok(vm) => cost(options, vm, growth.line).map_err(|error| error.to_string()),
                    Err(error) => Err(error.to_string()),
                };
                growth.costs.push(cost);
            }
        }
    }
    Ok(all)
}

/// What a line costs natively, without what starting costs.
fn cost(options: &Options, vm: &Vm, line: &str) -> Result<Cost, Error> {
    let qmp = vm.qmp();
    // A line about next to nothing.
    let start = ["--native-only", "-c", "info name"];
    let arguments = ["--native-only", "-c", line];
    let run =
        |arguments: &[&str]| program(Command::new(&options.hmp).args(arguments).arg(&qmp), "");
    let requests = relay::requests(&options.hmp, &qmp, &arguments, &start)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..options.runs {
        let start = run(&start)?;
        ours.push(run(&arguments)? - start);
        let mut raw = Raw::with_oob(&qmp)?;
        theirs.push(timed(|| raw.all(&requests, IN_FLIGHT))?);
    }
    Ok(Cost {
        ours: median(ours),
        raw: median(theirs),
    })
}

/// Ports of serial buses: a PCI bus has not room for as many.
fn devices(qemu: &Path, count: usize) -> Result<Vm, Error> {
    const ON_A_BUS: usize = 500;
    let mut arguments = vec!["-M".to_owned(), "q35".to_owned()];
    for number in 0..count {
        let bus = number / ON_A_BUS;
        if number % ON_A_BUS == 0 {
            arguments.push("-device".into());
            arguments.push(format!("virtio-serial-pci,id=s{bus},max_ports=511"));
        }
        arguments.push("-device".into());
        arguments.push(format!("virtserialport,id=d{number},bus=s{bus}.0"));
    }
    Vm::start(qemu, &arguments)
}

fn nodes(qemu: &Path, count: usize) -> Result<Vm, Error> {
    let vm = Vm::start(qemu, &["-M".into(), "q35".into()])?;
    let mut raw = Raw::connect(&vm.qmp())?;
    for number in 0..count {
        let node = json!({"driver": "null-co", "node-name": format!("n{number}")});
        raw.call("blockdev-add", &node)?;
    }
    Ok(vm)
}

fn cpus(qemu: &Path, count: usize) -> Result<Vm, Error> {
    let more = [
        "-M",
        "q35",
        "-accel",
        "tcg,thread=single",
        "-cpu",
        "max,x2apic=on",
        "-smp",
        &count.to_string(),
    ];
    Vm::start(qemu, &more.map(str::to_owned))
}

fn snapshots(qemu: &Path, count: usize) -> Result<Vm, Error> {
    let vm = Vm::start(qemu, &["-M".into(), "q35".into()])?;
    let mut raw = Raw::connect(&vm.qmp())?;
    let file = vm.file("disk.qcow2").display().to_string();
    let size = 1 << 20;
    let job = json!({"job-id": "c", "options": {"driver": "file", "filename": file, "size": 0}});
    raw.call("blockdev-create", &job)?;
    wait(&mut raw)?;
    let node = json!({"driver": "file", "node-name": "f", "filename": file});
    raw.call("blockdev-add", &node)?;
    let job = json!({"job-id": "c", "options": {"driver": "qcow2", "file": "f", "size": size}});
    raw.call("blockdev-create", &job)?;
    wait(&mut raw)?;
    let node = json!({"driver": "qcow2", "node-name": "d", "file": "f"});
    raw.call("blockdev-add", &node)?;
    for number in 0..count {
        let name = json!({"device": "d", "name": format!("s{number}")});
        raw.call("blockdev-snapshot-internal-sync", &name)?;
    }
    Ok(vm)
}

/// Waits for the job `c`, and clears it away.
fn wait(raw: &mut Raw) -> Result<(), Error> {
    loop {
        let jobs = raw.call("query-jobs", &json!({}))?;
        if jobs[0]["status"] == "concluded" {
            raw.call("job-dismiss", &json!({"id": "c"}))?;
            return match jobs[0].get("error") {
                Some(error) => Err(error.to_string().into()),
                None => Ok(()),
            };
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
