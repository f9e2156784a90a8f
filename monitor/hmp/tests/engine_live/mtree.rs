// SPDX-License-Identifier: GPL-2.0-or-later
//! `info mtree` without the built-in monitor: no line but the built-in's, before the firmware ran
//! and after; see `HMP_TEST_QEMUS` in tests/common/qemu.rs.

use std::io::Write;
use std::time::{Duration, Instant};

use hmp_engine::engine::{Monitor, Outcome};
use hmp_engine::qmp::Qmp;
use serde_json::{Value, json};

use crate::common::engine::{connect, native};
use crate::common::qemu::{Qemu, qemus};

/// Machines, by the end of a program's name.
const MACHINES: &[(&str, &[&str])] = &[
    (
        "x86_64",
        &["-M", "q35", "-vga", "std", "-nic", "user,model=e1000"],
    ),
    (
        "x86_64",
        &["-M", "pc", "-vga", "cirrus", "-m", "5G", "-smp", "2"],
    ),
    (
        "x86_64",
        &[
            "-M",
            "q35",
            "-device",
            "nec-usb-xhci",
            "-device",
            "intel-iommu",
        ],
    ),
    ("x86_64", &["-M", "microvm", "-m", "64M"]),
    ("x86_64", &["-M", "none"]),
    // Virtual functions, and buses behind buses.
    (
        "x86_64",
        &[
            "-M",
            "q35",
            "-device",
            "pcie-root-port,id=r",
            "-device",
            "pcie-pci-bridge,id=b,bus=r",
            "-device",
            "e1000,bus=b,addr=1",
            "-device",
            "nvme-subsys,id=s",
            "-device",
            "nvme,subsys=s,serial=x,sriov_max_vfs=2,sriov_vq_flexible=4,sriov_vi_flexible=2",
        ],
    ),
    // The memory has no object of its own, and firmware that is a flash.
    (
        "x86_64",
        &[
            "-M",
            "q35,pflash0=f",
            "-m",
            "64M",
            "-numa",
            "node,memdev=n",
            "-object",
            "memory-backend-ram,id=n,size=64M",
            "-blockdev",
            "null-co,node-name=f,size=4194304,read-zeroes=on",
        ],
    ),
    ("aarch64", &["-M", "virt", "-device", "virtio-net-pci"]),
    // As older machines have it: aliases show something else.
    (
        "aarch64",
        &[
            "-M",
            "virt",
            "-global",
            "gpex-pcihost.allow-unmapped-accesses=off",
        ],
    ),
    ("arm", &["-M", "virt"]),
    ("riscv64", &["-M", "virt"]),
    // Without a disk its firmware ends the machine.
    ("s390x", &["-M", "s390-ccw-virtio", "-no-shutdown"]),
    ("ppc64", &["-M", "pseries"]),
];

/// A machine by the end of a program's name, and devices to plug in, with their buses.
type Plugged = (
    &'static str,
    &'static [&'static str],
    &'static [(&'static str, &'static str)],
);

/// Machines that devices can be plugged into while they run.
const PLUGGED: &[Plugged] = &[
    (
        "x86_64",
        &[
            "-M",
            "q35",
            "-device",
            "pcie-root-port,id=r1,chassis=1",
            "-device",
            "pcie-root-port,id=r2,chassis=2",
            "-device",
            "qemu-xhci,id=u",
            "-object",
            "memory-backend-ram,id=more,size=128M",
            "-m",
            "128M,slots=2,maxmem=1G",
        ],
        &[
            ("virtio-net-pci", "r1"),
            ("e1000e", "r2"),
            ("usb-kbd", "u.0"),
            ("pc-dimm", ""),
        ],
    ),
    (
        "x86_64",
        &["-M", "pc", "-device", "pci-bridge,id=b,chassis_nr=1"],
        &[
            ("e1000", "b"),
            ("edu", "pci.0"),
            ("rtl8139", "pci.0"),
            ("secondary-vga", "pci.0"),
        ],
    ),
    (
        "aarch64",
        &["-M", "virt", "-device", "pcie-root-port,id=r1,chassis=1"],
        &[("virtio-net-pci", "r1")],
    ),
    (
        "ppc64",
        &["-M", "pseries"],
        &[("e1000", "pci.0"), ("nec-usb-xhci", "pci.0")],
    ),
];

/// Longer than a firmware takes to place devices.
const FIRMWARE: Duration = Duration::from_secs(3);

/// How many lines our answer has, all of them the built-in's.
async fn compare(what: &str, monitor: &mut Monitor, qmp: &dyn Qmp, line: &str) -> (usize, usize) {
    let arguments = json!({"command-line": line});
    let answer = qmp.execute("human-monitor-command", arguments).await;
    let builtin = answer.unwrap().as_str().unwrap().replace("\r\n", "\n");
    let mut ours = String::new();
    let begun = Instant::now();
    let ran = monitor.run_line(line, &mut ours).await;
    let took = begun.elapsed();
    assert_eq!(ran.outcome, Outcome::Done, "{what}: {ours}");
    assert_eq!(ran.notes.len(), 1, "{what}");
    let mut theirs: Vec<&str> = builtin.split_inclusive("\n\n").collect();
    for block in ours.split_inclusive("\n\n") {
        let head = block.lines().next();
        let at = theirs
            .iter()
            .position(|t| t.lines().any(|l| Some(l) == head));
        let at = at.unwrap_or_else(|| panic!("{what}: no block for\n{block}"));
        let mut rest = theirs.remove(at).lines();
        for line in block.lines() {
            let is_there = rest.any(|theirs| theirs == line);
            assert!(
                is_there,
                "{what}: {line}\nis not the built-in's, or not there"
            );
        }
    }
    let lines = (ours.lines().count(), builtin.lines().count());
    let said = format!("{what}: {} of {} lines, {took:?}", lines.0, lines.1);
    let _ = writeln!(std::io::stderr(), "{said}");
    lines
}

#[tokio::test]
async fn every_line_is_one_of_the_built_ins() {
    for program in qemus() {
        let name = program.display().to_string();
        for (target, arguments) in MACHINES.iter().filter(|(end, _)| name.ends_with(end)) {
            let qemu = Qemu::start(&program, arguments);
            let client = connect(&qemu).await;
            let mut monitor = native(client.clone()).await;
            let what = format!("{name} {}", arguments.join(" "));
            let (shown, _) = compare(&what, &mut monitor, &client, "info mtree").await;
            assert!(shown > 3, "{target}: {what}");
            compare(&what, &mut monitor, &client, "info mtree -D").await;
            for command in ["cont", "stop"] {
                client.execute(command, Value::Null).await.unwrap();
                if command == "cont" {
                    tokio::time::sleep(FIRMWARE).await;
                }
            }
            let what = format!("{what} (ran)");
            compare(&what, &mut monitor, &client, "info mtree").await;
            // What only the built-in has.
            for line in ["info mtree -f", "info mtree -o"] {
                let mut text = String::new();
                let ran = monitor.run_line(line, &mut text).await;
                assert_eq!(ran.outcome, Outcome::Failed, "{line}");
                assert!(text.contains("x-query-mtree"), "{line}: {text}");
            }
        }
    }
}

#[tokio::test]
async fn devices_that_are_plugged_in_and_out() {
    for program in qemus() {
        let name = program.display().to_string();
        for (_, arguments, devices) in PLUGGED.iter().filter(|(end, ..)| name.ends_with(end)) {
            let qemu = Qemu::start(&program, arguments);
            let client = connect(&qemu).await;
            let mut monitor = native(client.clone()).await;
            // Firmware places those that are there; there is no guest to place what comes later.
            client.execute("cont", Value::Null).await.unwrap();
            tokio::time::sleep(FIRMWARE).await;
            for (number, (driver, bus)) in devices.iter().enumerate() {
                let mut add = json!({"driver": driver, "id": format!("p{number}")});
                match *bus {
                    "" => add["memdev"] = "more".into(),
                    bus => add["bus"] = bus.into(),
                }
                client.execute("device_add", add).await.unwrap();
            }
            client.execute("stop", Value::Null).await.unwrap();
            let what = format!("{name} {} (plugged)", arguments.join(" "));
            compare(&what, &mut monitor, &client, "info mtree").await;
            client.execute("system_reset", Value::Null).await.unwrap();
            client.execute("cont", Value::Null).await.unwrap();
            tokio::time::sleep(FIRMWARE).await;
            client.execute("stop", Value::Null).await.unwrap();
            compare(&what, &mut monitor, &client, "info mtree").await;
            // Some go at once, others at the guest's leave.
            for number in 0..devices.len() {
                let del = json!({"id": format!("p{number}")});
                let _ = client.execute("device_del", del).await;
            }
            compare(&what, &mut monitor, &client, "info mtree").await;
        }
    }
}

/// What a guest does that maps some BARs of a device and not others: the memory of an rtl8139 is an
/// alias of its ports.
#[tokio::test]
async fn bars_that_are_mapped_and_not() {
    const DEVICES: [&str; 4] = ["rtl8139", "intel-hda", "qxl", "VGA"];
    for program in qemus() {
        let name = program.display().to_string();
        if !name.ends_with("x86_64") {
            continue;
        }
        let mut arguments = vec!["-M".to_owned(), "pc".to_owned()];
        for (number, device) in DEVICES.iter().enumerate() {
            let device = format!("{device},addr={:x}", 5 + number);
            arguments.extend(["-device".to_owned(), device]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let qemu = Qemu::start(&program, &arguments);
        let client = connect(&qemu).await;
        let mut monitor = native(client.clone()).await;
        client.execute("cont", Value::Null).await.unwrap();
        tokio::time::sleep(FIRMWARE).await;
        client.execute("stop", Value::Null).await.unwrap();
        for mapped in [7, 2, 1, 0] {
            for number in 0..DEVICES.len() {
                // Its register for commands, by the ports of the host bridge.
                let at = 0x8000_0004 + ((5 + number) << 11);
                for line in [
                    format!("o/w 0xcf8 {at:#x}"),
                    format!("o/h 0xcfc {mapped:#x}"),
                ] {
                    let line = json!({"command-line": line});
                    let said = client.execute("human-monitor-command", line).await;
                    assert_eq!(said.unwrap(), "", "{name}");
                }
            }
            let what = format!("{name} (mapped: {mapped})");
            compare(&what, &mut monitor, &client, "info mtree").await;
        }
    }
}

/// Whether it hides this guest's memory is not asked: no host that can was at hand.
#[tokio::test]
async fn firmware_has_no_line_where_an_object_may_hide_memory() {
    let programs = qemus().into_iter();
    for program in programs.filter(|p| p.display().to_string().ends_with("x86_64")) {
        for (object, shown) in [
            ("memory-backend-ram,id=o,size=1M", true),
            ("sev-guest,id=o,cbitpos=51,reduced-phys-bits=1", false),
        ] {
            let qemu = Qemu::start(&program, &["-M", "q35", "-object", object]);
            let client = connect(&qemu).await;
            let mut monitor = native(client.clone()).await;
            let mut text = String::new();
            monitor.run_line("info mtree", &mut text).await;
            for name in ["pc.bios", "pc.rom"] {
                let what = format!("{} {object}: {text}", program.display());
                assert_eq!(text.contains(&format!("rom): {name}\n")), shown, "{what}");
            }
        }
    }
}
