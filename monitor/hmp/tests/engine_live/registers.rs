// SPDX-License-Identifier: GPL-2.0-or-later
//! CPU registers without the built-in monitor, on real QEMUs, against its answers.

use std::io::Write;
use std::time::Duration;

use crate::common::engine::run;
use crate::common::roms::{MODES, SCRIPTED, TABLES, builtin, in_mode};
use crate::common::steps;
use crate::pc::{alike, chosen, has, monitor, pcs, without_sticky};
use hmp_engine::host::Risk;
use hmp_engine::qmp::Qmp;
use serde_json::Value;

/// Every name of any release, and some of none.
pub fn names() -> Vec<String> {
    let mut names: Vec<String> = "eax ecx edx ebx esp sp ebp fp esi edi eflags eip pc rip rax rbx rcx \
        rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 fs_base gs_base k_gs_base cr0 cr2 cr3 cr4 \
        ftag fiseg fioff foseg fooff fop ax al EAX rflags r16 xmm0 st0 gdt cs.selector x"
        .split_ascii_whitespace()
        .map(str::to_owned)
        .collect();
    for segment in ["cs", "ds", "es", "ss", "fs", "gs"] {
        names.extend(["", ".base", ".limit"].map(|part| format!("{segment}{part}")));
    }
    names
}

#[tokio::test]
async fn names_have_the_values_of_the_builtin() {
    for program in pcs() {
        let name = program.display().to_string();
        let (mut checked, mut known) = (0, 0);
        for (mode, code) in MODES.iter().filter(|(mode, _)| has(&program, mode)) {
            let (_qemu, client) = in_mode(&program, code, &["-cpu", "max"]).await;
            let mut monitor = monitor(&client, Risk::Pausing).await;
            let what = format!("{name} {mode}");
            for cpu in [0, 1] {
                chosen(&mut monitor, cpu).await;
                for name in names() {
                    for format in ["x", "d", "u", "o", "c"] {
                        let line = format!("print/{format} ${name}");
                        checked += 1;
                        known += i32::from(alike(&mut monitor, &client, &what, &line, cpu).await);
                    }
                }
                let pc = ["$pc", "$eip", "$rip"];
                for line in ["x/2xw ", "x/3xb 1+", "print 2*"]
                    .iter()
                    .flat_map(|line| pc.map(|pc| format!("{line}{pc}")))
                {
                    alike(&mut monitor, &client, &what, &line, cpu).await;
                }
            }
        }
        let _ = writeln!(
            std::io::stderr(),
            "{name}: {checked} lines alike, {known} with values"
        );
        assert!(known > checked / 4, "{known} of {checked}");
    }
}

/// All registers and local APICs, of both CPUs in every mode and at their start.
#[tokio::test]
async fn registers_are_shown_as_the_builtin_shows_them() {
    for program in pcs() {
        let name = program.display().to_string();
        let mut count = 0;
        let modes = MODES.iter().filter(|(mode, _)| has(&program, mode));
        let setups = modes.flat_map(|mode| ["q35", "pc"].map(|machine| (*mode, machine)));
        for ((mode, code), machine) in setups {
            let more = ["-cpu", "max", "-M", machine];
            let (_qemu, client) = in_mode(&program, code, &more).await;
            let mut monitor = monitor(&client, Risk::Risky).await;
            for cpu in [0, 1] {
                chosen(&mut monitor, cpu).await;
                for line in [
                    "info registers",
                    "info registers 1",
                    "info registers -a",
                    "info registers -a 5",
                    "info registers 7",
                    "info registers 0x80000000",
                    "info lapic",
                    "info lapic 0",
                    "info lapic 1",
                    "info lapic 9",
                ] {
                    // The built-in's own reading puts the exceptions where they belong.
                    let mut ours = String::new();
                    let ran = monitor.run_line(line, &mut ours).await;
                    let theirs = builtin(&client, line, Some(cpu)).await;
                    assert_eq!(
                        without_sticky(&ours),
                        without_sticky(&theirs),
                        "{name} {machine} {mode}: {line} of CPU {cpu}"
                    );
                    let noted = theirs.contains("MXCSR");
                    assert_eq!(ran.notes.len(), usize::from(noted), "{line}");
                    count += theirs.lines().count();
                }
            }
        }
        let _ = writeln!(std::io::stderr(), "{name}: {count} lines alike");
        assert!(count > 1000, "{count}");
    }
}

/// What the first CPU writes into its local APIC before it stays: offsets and values; a base with
/// x2APIC; model specific registers.
const APICS: &[(&str, &[(u32, u64)])] = &[
    (
        "cluster",
        &[
            (0xe0, 0x0fff_ffff),
            (0xd0, 0x2100_0000),
            (0x310, 0x3500_0000),
            (0x300, 0x841),
        ],
    ),
    (
        "flat",
        &[
            (0xe0, 0xffff_ffff),
            (0xd0, 0x0200_0000),
            (0x310, 0x0a00_0000),
            (0x300, 0xc841),
        ],
    ),
    (
        "another format",
        &[(0xe0, 0x5fff_ffff), (0x310, 0x0a00_0000), (0x300, 0xc841)],
    ),
    ("physical", &[(0x310, 0x0a00_0000), (0x300, 0x4041)]),
    ("to all", &[(0x300, 0x84041), (0x300, 0xc40f1)]),
    (
        "one shot, over",
        &[(0x320, 0x1_0041), (0x3e0, 1), (0x380, 0x100)],
    ),
    (
        "one shot, long",
        &[(0x320, 0x1_0041), (0x3e0, 0xb), (0x380, 0xf000_0000)],
    ),
    ("deadline", &[(0x320, 0x4_0041)]),
    (
        "requests",
        &[
            (0x320, 0x41),
            (0x3e0, 1),
            (0x380, 0x100),
            (0x300, 0x440a5),
            (0x300, 0x440fe),
        ],
    ),
    (
        "every entry",
        &[
            (0x330, 0x1_f7ff),
            (0x340, 0x1_02ff),
            (0x350, 0xffff_ffff),
            (0x360, 0x1_5d00),
            (0x370, 0xfe),
            (0x3e0, 0xa),
        ],
    ),
    (
        "x2apic, logical",
        &[
            (X2APIC, 0xfee0_0d00),
            (0x830, 0x0003_0005_0000_0842),
            (0x80f, 0x1ff),
        ],
    ),
    (
        "x2apic, physical",
        &[(X2APIC, 0xfee0_0d00), (0x830, 0x0003_0005_0000_4042)],
    ),
];

/// The model specific register of the APIC's base; those from 0x800 are the APIC's own then.
const X2APIC: u32 = 0x1b;

#[tokio::test]
async fn local_apics_are_shown_as_the_builtin_shows_them() {
    for program in pcs() {
        let name = program.display().to_string();
        let mut count = 0;
        for (what, writes) in APICS {
            for feature in ["x2apic=on", "x2apic=off"] {
                if what.starts_with("x2apic") && feature.ends_with("off") {
                    continue;
                }
                let mut script: Vec<u8> = Vec::new();
                for (place, value) in *writes {
                    let model_specific = *place == X2APIC || *place >= 0x800;
                    let place = if model_specific {
                        *place
                    } else {
                        0xfee0_0000 + place
                    };
                    script.extend(place.to_le_bytes());
                    script.extend(value.to_le_bytes());
                }
                script.extend([0; 4]);
                let folder = tempfile::tempdir_in("/tmp").unwrap();
                let file = folder.path().join("script");
                std::fs::write(&file, script).unwrap();
                let loader = format!(
                    "loader,file={},addr={TABLES:#x},force-raw=on",
                    file.display()
                );
                let model = if has(&program, "long") {
                    "qemu64"
                } else {
                    "qemu32"
                };
                let cpu = format!("{model},{feature}");
                let more = ["-cpu", &cpu, "-device", &loader];
                let (_qemu, client) = in_mode(&program, SCRIPTED, &more).await;
                let mut monitor = monitor(&client, Risk::Risky).await;
                for line in ["info lapic", "info lapic 1"] {
                    let what = format!("{name}, {what}, {feature}");
                    alike(&mut monitor, &client, &what, line, 0).await;
                    count += builtin(&client, line, Some(0)).await.lines().count();
                }
            }
        }
        let _ = writeln!(std::io::stderr(), "{name}: {count} lines alike");
    }
}

/// Registers that no note holds, where the release knows them.
#[tokio::test]
async fn deep_names_have_the_values_of_the_builtin() {
    for program in pcs() {
        let name = program.display().to_string();
        let mut known = 0;
        for (mode, code) in MODES.iter().filter(|(mode, _)| has(&program, mode)) {
            let (_qemu, client) = in_mode(&program, code, &["-cpu", "max"]).await;
            let mut monitor = monitor(&client, Risk::Risky).await;
            let what = format!("{name} {mode}");
            for cpu in [0, 1] {
                chosen(&mut monitor, cpu).await;
                for name in ["efer", "cr8", "fctrl", "fstat"] {
                    let line = format!("print $eflags + ${name}");
                    let line = line.replace("eflags + $efer", "efer");
                    known += i32::from(alike(&mut monitor, &client, &what, &line, cpu).await);
                }
            }
            let mut text = String::new();
            run(&mut monitor, "print $mxcsr", &mut text).await;
            let told = text.contains("unknown register") || text.contains("is not available");
            assert!(told, "{text}");
        }
        let _ = writeln!(
            std::io::stderr(),
            "{name}: {known} values of deep registers"
        );
    }
}

/// Lines whose steps are kept for tests without a QEMU.
const KEPT: &[&str] = &[
    "info registers -a",
    "info lapic",
    "print $pc",
    "x/2xw $pc",
    "info tlb",
    "info mem",
    "gva2gpa 0x401234",
];

/// Modes that are kept of every release.
const KEPT_MODES: &[&str] = &["pae", "long", "five-levels"];

/// Writes `tests/engine/states` anew, where `HMP_RECORD_STATES` is set.
#[tokio::test]
async fn states_are_kept() {
    if !steps::are_kept() {
        return;
    }
    let start = ("start", MODES[0].1);
    for program in pcs() {
        let newest = program.to_string_lossy().contains("11.1");
        let modes = MODES.iter().chain([&start]);
        for (mode, code) in modes.filter(|(mode, _)| newest || KEPT_MODES.contains(mode)) {
            let (_qemu, client) = in_mode(&program, code, &["-cpu", "max"]).await;
            if *mode == "start" {
                client.execute("system_reset", Value::Null).await.unwrap();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            let harmful = (*mode == "five-levels").then_some("info mem");
            steps::keep(&client, mode, KEPT, harmful).await;
        }
    }
}
