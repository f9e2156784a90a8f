// SPDX-License-Identifier: GPL-2.0-or-later
//! `info qtree` on real QEMUs with many devices, against the built-in's; see `HMP_TEST_QEMUS` in
//! tests/common/qemu.rs.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use crate::common::engine::{connect, native};
use crate::common::qemu::{Qemu, qemus};
use hmp_engine::qmp::Qmp;
use serde_json::json;

/// Devices that the tables of orders were not learned with together, and options that were not set
/// then.
const DEVICES: &[&str] = &[
    "pcie-root-port,id=rp1,chassis=1,slot=3,hotplug=off",
    "pci-bridge,chassis_nr=9,id=pb",
    "virtio-blk-pci,drive=d0,id=vb0,num-queues=3,serial=abc",
    "virtio-scsi-pci,id=vs0,num_queues=2",
    "scsi-hd,drive=d1,bus=vs0.0,lun=3,serial=x,physical_block_size=4096",
    "scsi-cd,bus=vs0.0,lun=4",
    "virtio-net-pci,netdev=n0,mac=52:54:00:11:22:33,mq=on,vectors=6",
    "e1000e,netdev=n1,addr=0x1a",
    "nec-usb-xhci,id=xh,p2=8",
    "usb-tablet,bus=xh.0",
    "usb-hub,bus=xh.0,port=3",
    "usb-kbd,bus=xh.0,port=3.2,id=kb,serial=77",
    "usb-storage,drive=d2,bus=xh.0,removable=on",
    "intel-hda,msi=off",
    "hda-duplex,audiodev=a0",
    "virtio-rng-pci,rng=r0,max-bytes=1024,period=1000",
    "virtio-balloon-pci,deflate-on-oom=on,free-page-reporting=on",
    "virtio-serial-pci,id=ser,max_ports=5",
    "virtserialport,chardev=c0,name=org.x,nr=2",
    "nvme,drive=d3,serial=nv1,max_ioqpairs=4",
    "virtio-gpu-pci,max_outputs=2",
    "virtio-keyboard-pci",
    "pci-testdev,bus=pb,addr=4",
    "i6300esb",
    "virtio-blk-pci,drive=d4,bus=rp1,addr=0",
];

const BACK_ENDS: &[&str] = &[
    "-audiodev",
    "none,id=a0",
    "-chardev",
    "null,id=c0",
    "-netdev",
    "user,id=n0",
    "-netdev",
    "user,id=n1",
    "-object",
    "rng-builtin,id=r0",
];

/// Lines that both have, in the same order: as many as the longest common subsequence has.
fn common_lines(a: &[&str], b: &[&str]) -> usize {
    let mut row = vec![0; b.len() + 1];
    for line in a {
        let mut diagonal = 0;
        for (at, other) in b.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if line == other {
                diagonal + 1
            } else {
                above.max(row[at])
            };
            diagonal = above;
        }
    }
    row[b.len()]
}

fn machines(program: &Path) -> &'static [&'static str] {
    let help = Command::new(program).args(["-M", "help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let has = |machine: &str| help.lines().any(|l| l.split(' ').next() == Some(machine));
    if has("q35") {
        &["q35", "pc"]
    } else if has("virt") {
        &["virt"]
    } else {
        &[]
    }
}

#[tokio::test]
async fn most_lines_are_the_built_ins() {
    for program in qemus() {
        for machine in machines(&program) {
            let mut arguments: Vec<String> = ["-M", machine].map(str::to_owned).into();
            arguments.extend(BACK_ENDS.iter().map(|&a| a.to_owned()));
            for number in 0..5 {
                let disk = format!("null-co,node-name=d{number}");
                arguments.extend(["-blockdev".to_owned(), disk]);
            }
            for &device in DEVICES {
                // i440FX has no Express bus.
                if *machine != "pc" || !device.contains("rp1") {
                    arguments.extend(["-device", device].map(str::to_owned));
                }
            }
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let qemu = Qemu::start(&program, &arguments);
            compare(&qemu, &format!("{} {machine}", program.display())).await;
        }
    }
}

async fn compare(qemu: &Qemu, what: &str) {
    let client = connect(qemu).await;
    let line = json!({"command-line": "info qtree"});
    let theirs = client.execute("human-monitor-command", line).await.unwrap();
    let theirs = theirs.as_str().unwrap().replace("\r\n", "\n");
    let mut monitor = native(client).await;
    let mut ours = String::new();
    crate::common::engine::run(&mut monitor, "info qtree", &mut ours).await;
    let (theirs, ours): (Vec<_>, Vec<_>) = (theirs.lines().collect(), ours.lines().collect());
    let same = common_lines(&theirs, &ours);
    let all = theirs.len().max(ours.len());
    let share = format!("{what}: {same} of {all} lines");
    let _ = writeln!(std::io::stderr(), "{share}");
    assert!(theirs.len() > 700, "{share}");
    assert!(same * 100 >= all * 98, "{share}");
}

#[test]
fn lines_in_common() {
    assert_eq!(common_lines(&["a", "b", "c"], &["b", "x", "c", "a"]), 2);
    assert_eq!(common_lines(&["a"], &[]), 0);
}
