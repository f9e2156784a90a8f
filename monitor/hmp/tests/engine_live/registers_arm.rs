// SPDX-License-Identifier: GPL-2.0-or-later
//! Registers of Arm CPUs without the built-in monitor, on real QEMUs, against its answers.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::common::engine::connect;
use crate::common::qemu::{Qemu, qemus};
use crate::common::roms::builtin;
use crate::common::steps;
use hmp::host::Unattended;
use hmp_engine::command::route::Passthrough;
use hmp_engine::engine::Monitor;
use hmp_engine::host::Risk;
use hmp_engine::qmp::Qmp;
use serde_json::Value;

/// Machines with CPUs of every kind: without vectors, with fixed ones, with scalable ones of each
/// length that the state holds, with a second world and a hypervisor's level.
const WIDE: &[&[&str]] = &[
    &["-M", "virt", "-cpu", "cortex-a35", "-smp", "2"],
    &["-M", "virt", "-cpu", "cortex-a53", "-smp", "2"],
    &["-M", "virt,secure=on", "-cpu", "cortex-a57"],
    &[
        "-M",
        "virt,virtualization=on,secure=on",
        "-cpu",
        "cortex-a72",
    ],
    &["-M", "virt,virtualization=on", "-cpu", "cortex-a76"],
    &["-M", "virt", "-cpu", "neoverse-n1"],
    &["-M", "virt", "-cpu", "neoverse-v1"],
    &["-M", "virt", "-cpu", "a64fx"],
    &[
        "-M",
        "virt",
        "-cpu",
        "max,sve256=off,sve512=off,sve1024=off,sve2048=off,sve128=on",
    ],
    &[
        "-M",
        "virt",
        "-cpu",
        "max,sve512=off,sve1024=off,sve2048=off,sve256=on",
    ],
    &[
        "-M",
        "virt",
        "-cpu",
        "max,sve1024=off,sve2048=off,sve512=on",
    ],
    &["-M", "virt", "-cpu", "max,sve2048=off,sve1024=on"],
    &[
        "-M",
        "virt,virtualization=on",
        "-cpu",
        "max,sve2048=off,sve1024=on",
    ],
    &[
        "-M",
        "virt,secure=on,virtualization=on",
        "-cpu",
        "max,sve2048=off",
    ],
    &["-M", "virt", "-cpu", "max,sve=off"],
    &["-M", "virt", "-cpu", "cortex-a15", "-smp", "2"],
];

const NARROW: &[&[&str]] = &[
    &["-M", "virt", "-cpu", "cortex-a7", "-smp", "2"],
    &["-M", "virt", "-cpu", "cortex-a15"],
    &["-M", "virt", "-cpu", "max"],
    &["-M", "palmetto-bmc"],
    &["-M", "raspi0"],
    &["-M", "cubieboard"],
];

/// Those that are kept for tests without a QEMU, and their names there.
const KEPT: &[(&[&str], &str)] = &[
    (WIDE[2], "secure"),
    (WIDE[9], "sve256"),
    (WIDE[12], "sve1024"),
    (WIDE[15], "narrow"),
    (NARROW[0], "vectors"),
    (NARROW[3], "none"),
];

/// Code that writes something into registers, switches vectors on, and stays: in instructions of 64
/// bits (mov x1, #-2; CPACR_EL1 = -1; isb; dup v7.2d, x1; fmov d3, x1; fmsr; b .), and of 32 (mvn r1,
/// #1; movs r2, r1; b .).
const WIDE_CODE: &[u32] = &[
    0x9280_0021, // mov x1, #-2
    0x9280_0002, // mov x2, #-1
    0xd518_1042, // msr cpacr_el1, x2
    0xd503_3fdf, // isb
    0x4e08_0c27, // dup v7.2d, x1
    0x9e67_0023, // fmov d3, x1
    0xeb01_005f, // cmp x2, x1
    0x1400_0000, // b .
];
const NARROW_CODE: &[u32] = &[
    0xe3e0_1001, // mvn r1, #1
    0xe1b0_2001, // movs r2, r1
    0xe3a0_3482, // mov r3, #0x82000000
    0xeaff_fffe, // b .
];

/// Where code lies on the machine virt, behind its device tree.
const START: u64 = 0x4020_0000;

/// The target of a QEMU, if it is Arm's.
fn target(program: &Path) -> Option<&'static str> {
    let name = program.file_name().unwrap().to_string_lossy();
    let name = name.rsplit('-').next().unwrap().to_owned();
    ["aarch64", "arm"].into_iter().find(|arch| *arch == name)
}

#[tokio::test]
async fn registers_are_shown_as_the_builtin_shows_them() {
    for program in qemus() {
        let Some(target) = target(&program) else {
            continue;
        };
        let name = program.display().to_string();
        let wide = target == "aarch64";
        let mut count = 0;
        let machines = if wide {
            [WIDE, NARROW].concat()
        } else {
            NARROW.to_vec()
        };
        for machine in machines {
            let folder = tempfile::tempdir_in("/tmp").unwrap();
            let file = folder.path().join("code");
            let narrow = NARROW.contains(&machine) || machine.contains(&"cortex-a15");
            let code = if narrow { NARROW_CODE } else { WIDE_CODE };
            let bytes: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
            std::fs::write(&file, bytes).unwrap();
            let place = format!(
                "loader,file={},addr={START:#x},force-raw=on",
                file.display()
            );
            let begin = format!("loader,addr={START:#x},cpu-num=0");
            let more = match machine[1].starts_with("virt") {
                true => vec!["-device", &place, "-device", &begin],
                false => Vec::new(),
            };
            let qemu = Qemu::start(&program, &[machine, &more].concat());
            let client = connect(&qemu).await;
            let builder = Monitor::builder(Arc::new(client.clone())).host(Arc::new(Unattended));
            let builder = builder.passthrough(Passthrough::Never).allow(Risk::Risky);
            let mut monitor = builder.build().await.unwrap();
            for run in [false, true] {
                if run {
                    client.execute("cont", Value::Null).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    client.execute("stop", Value::Null).await.unwrap();
                }
                let kept = KEPT.iter().find(|(of, _)| *of == machine);
                if let Some((_, name)) = kept.filter(|_| run && steps::are_kept()) {
                    steps::keep(&client, name, &["info registers -a"], None).await;
                }
                for line in ["info registers", "info registers -a", "info registers 1"] {
                    let mut ours = String::new();
                    let ran = monitor.run_line(line, &mut ours).await;
                    let theirs = builtin(&client, line, None).await;
                    assert_eq!(ran.refusal, None, "{name} {machine:?}: {ours}");
                    assert_eq!(ours, theirs, "{name} {machine:?}: {line}, it ran: {run}");
                    count += theirs.lines().count();
                }
            }
        }
        let _ = writeln!(std::io::stderr(), "{name}: {count} lines alike");
    }
}
