// SPDX-License-Identifier: GPL-2.0-or-later
//! Registers of real VMs, asked for by the program: what would crash QEMU is refused, and what is
//! asked leaves nothing behind.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::common::program::{Ran, hmp, run};
use crate::common::qemu::{Qemu, qemus};

/// Runs lines without the built-in monitor.
fn native(qemu: &Qemu, allow: Option<&str>, lines: &[&str]) -> Ran {
    let mut command = hmp();
    command.arg(qemu.socket()).arg("--native-only");
    command.args(allow.iter().flat_map(|risk| ["--allow", risk]));
    command.args(lines.iter().flat_map(|line| ["-c", line]));
    run(&mut command)
}

fn is_pc(program: &Path) -> bool {
    program.to_string_lossy().contains("x86_64")
}

/// Devices whose state can't be saved, by the release that can do it all the same.
const DEVICES: &[(&[&str], &str, &str)] = &[
    (
        &[
            "-drive",
            "if=none,id=d,driver=null-co,size=1048576,read-zeroes=on",
            "-device",
            "nvme,serial=x,drive=d",
        ],
        "nvme",
        "11.1",
    ),
    (&["-device", "nvme,serial=x"], "nvme", "never"),
    (&["-device", "pci-serial-2x"], "pci-serial-2x", "never"),
    (&["-device", "vmbus-bridge"], "vmbus-bridge", "never"),
    (&["-device", "rocker"], "rocker", "never"),
    (&["-device", "amd-iommu"], "amd-iommu", "never"),
    (
        &["-device", "qemu-xhci", "-device", "usb-wacom-tablet"],
        "usb-wacom",
        "never",
    ),
];

#[test]
fn a_device_without_a_state_is_named_and_the_vm_lives() {
    for program in qemus().iter().filter(|program| is_pc(program)) {
        for (device, named, able) in DEVICES {
            let mut qemu = Qemu::start(program, &[&["-M", "q35"], *device].concat());
            for line in ["info registers", "info lapic"] {
                let ran = native(&qemu, Some("risky"), &[line]);
                let what = format!("{} {named}: {ran:?}", program.display());
                if program.to_string_lossy().contains(able) {
                    assert_eq!(ran.code, Some(0), "{what}");
                } else {
                    assert!(ran.stdout.starts_with("refused: "), "{what}");
                    assert!(ran.stdout.to_lowercase().contains(named), "{what}");
                    assert_eq!(ran.code, Some(1), "{what}");
                }
                assert!(qemu.lives(), "{what}");
            }
            // The notes of a dump need no device's state.
            let ran = native(
                &qemu,
                Some("pausing"),
                &["print $pc", "info tlb", "gva2gpa 0"],
            );
            assert_eq!(ran.code, Some(0), "{ran:?}");
            assert!(qemu.lives());
        }
    }
}

/// How many descriptors QEMU has while nobody is connected: it closes a connection a moment after the
/// other end did.
fn descriptors(qemu: &Qemu) -> usize {
    let folder = format!("/proc/{}/fd", qemu.pid());
    let counts = (0..10).map(|_| {
        std::thread::sleep(Duration::from_millis(50));
        std::fs::read_dir(&folder).map_or(0, Iterator::count)
    });
    counts.min().unwrap_or(0)
}

/// The descriptor sets that the VM has.
fn fdsets(qemu: &Qemu) -> String {
    let mut stream = UnixStream::connect(qemu.socket()).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut answer = |request: &str| {
        writeln!(stream, "{request}").unwrap();
        let mut answers = lines.by_ref().map(Result::unwrap);
        answers
            .find(|line| line.starts_with(r#"{"return""#))
            .unwrap()
    };
    answer(r#"{"execute":"qmp_capabilities"}"#);
    let sets = answer(r#"{"execute":"query-fdsets"}"#);
    sets.trim_start_matches(r#"{"return": "#)
        .trim_end_matches('}')
        .to_owned()
}

/// A VM that runs goes on, and has what it had.
#[test]
fn nothing_is_left_behind() {
    for program in qemus().iter().filter(|program| is_pc(program)) {
        let qemu = Qemu::start(program, &["-m", "128", "-smp", "2"]);
        native(&qemu, None, &["cont"]);
        let before = descriptors(&qemu);
        let lines = [
            "info registers -a",
            "info lapic",
            "print $pc",
            "info tlb",
            "gva2gpa 0",
        ]
        .repeat(40);
        let ran = native(&qemu, Some("risky"), &lines);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let after = native(&qemu, None, &["info status"]);
        assert_eq!(after.stdout, "VM status: running\n");
        assert_eq!(descriptors(&qemu), before, "{}", program.display());
        assert_eq!(fdsets(&qemu), "[]", "{}", program.display());
        let _ = writeln!(
            std::io::stderr(),
            "{}: {before} descriptors",
            program.display()
        );
    }
}

#[test]
fn without_permission_nothing_is_read() {
    for program in qemus().iter().filter(|program| is_pc(program)) {
        let qemu = Qemu::start(program, &[]);
        let lines = [
            "info registers",
            "info lapic",
            "info mem",
            "info tlb",
            "gva2gpa 0",
            "print $pc",
        ];
        let ran = native(&qemu, None, &lines);
        assert_eq!(
            ran.stdout.matches("needs --allow risky").count(),
            2,
            "{ran:?}"
        );
        assert_eq!(
            ran.stdout.matches("needs --allow pausing").count(),
            4,
            "{ran:?}"
        );
    }
}
