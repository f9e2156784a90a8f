// SPDX-License-Identifier: GPL-2.0-or-later
//! CPU registers without the built-in monitor, on real QEMUs, against its answers.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::common::engine::{connect, run};
use crate::common::qemu::{Qemu, qemus, skipped};
use crate::common::random::Random;
use crate::common::roms::{MODES, SCRIPTED, TABLES, WITH_TABLES, builtin, in_mode, started};
use crate::common::steps;
use hmp::client::Client;
use hmp::host::Unattended;
use hmp_engine::command::route::Passthrough;
use hmp_engine::engine::Monitor;
use hmp_engine::host::Risk;
use hmp_engine::qmp::Qmp;
use serde_json::Value;

/// Those of x86.
fn pcs() -> impl Iterator<Item = PathBuf> {
    qemus().into_iter().filter(|program| {
        let name = program.file_name().unwrap().to_string_lossy();
        name.contains("x86_64") || name.contains("i386")
    })
}

/// Whether this QEMU's CPUs have that mode.
fn has(program: &Path, mode: &str) -> bool {
    let wide = program.to_string_lossy().contains("x86_64");
    wide || matches!(mode, "flat" | "paging" | "pae")
}

async fn monitor(client: &Client, allow: Risk) -> Monitor {
    let builder = Monitor::builder(Arc::new(client.clone())).host(Arc::new(Unattended));
    let builder = builder.passthrough(Passthrough::Never).allow(allow);
    builder.build().await.unwrap()
}

/// Every name of any release, and some of none.
fn names() -> Vec<String> {
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

/// Compares a line on both; says whether the built-in answers something else than an error.
async fn alike(monitor: &mut Monitor, client: &Client, what: &str, line: &str, cpu: i64) -> bool {
    let theirs = builtin(client, line, Some(cpu)).await;
    let mut ours = String::new();
    let ran = run(monitor, line, &mut ours).await;
    assert_eq!(ours, theirs, "{what}: {line} of CPU {cpu}: {ran:?}");
    !theirs.contains("unknown register")
}

async fn chosen(monitor: &mut Monitor, cpu: i64) {
    let mut text = String::new();
    run(monitor, &format!("cpu {cpu}"), &mut text).await;
    assert_eq!(text, "");
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

/// Addresses at the edges of what the firmware maps, and random ones.
fn addresses() -> Vec<u64> {
    let mut list = vec![
        0,
        1,
        0xfff,
        0x1000,
        0x20123,
        0x21fff,
        0x51234,
        0x40_0abc,
        0x7f_ffff,
        0x80_0000,
        0xc000_0000,
        0xc012_3456,
        0xffc0_3fff,
        0xffff_e123,
        0xffff_ffff,
        0x8123_4567,
        1 << 39,
        0x7fff_ffff_ffff,
        0x8000_0000_0000,
        0xffff_8000_0000_0000,
        0xffff_ffff_8040_0123,
        0xffff_ffff_bfff_d000,
        0xff00_0000_0000_0000,
        0x1_0000_0000_0000,
        0xff7f_8000_0000_0000,
        u64::MAX,
    ];
    let mut random = Random(0x5851_F42D_4C95_7F2D);
    for bits in [16, 22, 24, 30, 31, 32, 39, 47, 48, 57] {
        list.extend((0..3).map(|_| random.below(1 << bits)));
    }
    list
}

/// Tables, ranges and addresses, of both CPUs in every mode; five levels freeze the built-in, so
/// that there ranges are compared with pages.
#[tokio::test]
async fn addresses_are_mapped_as_the_builtin_says() {
    for program in pcs() {
        let name = program.display().to_string();
        let mut counts = [0; 3];
        for (mode, code) in MODES.iter().filter(|(mode, _)| has(&program, mode)) {
            let (_qemu, client) = in_mode(&program, code, &["-cpu", "max"]).await;
            let mut monitor = monitor(&client, Risk::Pausing).await;
            let what = format!("{name} {mode}");
            for cpu in [0, 1] {
                chosen(&mut monitor, cpu).await;
                let tlb = builtin(&client, "info tlb", Some(cpu)).await;
                counts[0] += tlb.lines().count();
                alike(&mut monitor, &client, &what, "info tlb", cpu).await;
                if *mode != "five-levels" {
                    alike(&mut monitor, &client, &what, "info mem", cpu).await;
                } else if cpu == 0 {
                    let mut mem = String::new();
                    run(&mut monitor, "info mem", &mut mem).await;
                    assert_eq!(covered(&mem), pages_of(&tlb), "{what}: {mem}");
                    counts[1] += mem.lines().count();
                }
                let real = builtin(&client, "info registers", Some(cpu))
                    .await
                    .contains("CR0=60000010");
                for address in addresses() {
                    let line = format!("gva2gpa {address:#x}");
                    counts[2] += 1;
                    // Whether the A20 gate is open is in no note of a dump.
                    if real && address & 1 << 20 != 0 {
                        let mut text = String::new();
                        run(&mut monitor, &line, &mut text).await;
                        assert!(text.contains("needs --allow risky"), "{text}");
                        monitor.allow(Risk::Risky);
                    }
                    alike(&mut monitor, &client, &what, &line, cpu).await;
                    monitor.allow(Risk::Pausing);
                }
            }
        }
        let _ = writeln!(
            std::io::stderr(),
            "{name}: {counts:?} lines of info tlb, of info mem with five levels, of gva2gpa"
        );
        assert!(counts[0] > 20, "{counts:?}");
        assert_eq!(counts[1] > 3, has(&program, "five-levels"), "{counts:?}");
    }
}

/// How many bytes the ranges of `info mem` have.
fn covered(mem: &str) -> u64 {
    let sizes = mem.lines().map(|line| line.split(' ').nth(1).unwrap());
    sizes
        .map(|size| u64::from_str_radix(size, 16).unwrap())
        .sum()
}

/// How many bytes the pages of `info tlb` have: of 2 MiB where the letter P says so.
fn pages_of(tlb: &str) -> u64 {
    let large = |line: &str| line.rsplit(' ').next().unwrap().contains('P');
    tlb.lines()
        .map(|line| if large(line) { 2 << 20 } else { 4 << 10 })
        .sum()
}

/// Pages of tables at [`TABLES`], random but for what maps the firmware: pages of all sizes, tables
/// that several entries share, some where nothing is, and all bits.
fn random_tables(random: &mut Random, levels: usize) -> Vec<u8> {
    const EACH: usize = 6;
    let width = if levels == 2 { 4 } else { 8 };
    let mut pages = vec![vec![0u64; 4096 / width]; 1 + EACH * (levels - 1)];
    let page = |number: usize| TABLES + 4096 * number as u64;
    let mut random_of = |bound: usize| random.below(bound as u64) as usize;
    for (number, table) in pages.iter_mut().enumerate() {
        // The level above the pages is 1, as they are numbered here.
        let level = levels - number.div_ceil(EACH);
        let pae_top = levels == 3 && number == 0;
        let entries = if pae_top { 4 } else { table.len() };
        for entry in table.iter_mut().take(entries) {
            if random_of(if pae_top { 2 } else { 1 + table_gap(level) }) > 0 {
                continue;
            }
            let mut bits = random_of(0x1000) as u64 | 1;
            if width == 8 && !pae_top {
                bits |= (random_of(2) as u64) << 63;
            }
            let next = number.div_ceil(EACH) * EACH + 1 + random_of(EACH);
            *entry = if pae_top {
                page(next) | 1
            } else if level > 1 && (level > 3 || random_of(3) > 0) {
                bits &= !0x80;
                let nowhere = random_of(12) == 0;
                bits | if nowhere { 0x0a00_0000 } else { page(next) }
            } else {
                bits | (random_of(1 << 20) as u64) << 12
            };
        }
    }
    // The firmware itself.
    let large = match levels {
        2 => 0,
        levels => levels - 2,
    };
    for above in 0..large {
        let first = |depth: usize| {
            if depth == 0 {
                0
            } else {
                1 + (depth - 1) * EACH
            }
        };
        let bits = if levels == 3 { 1 } else { 7 };
        pages[first(above)][0] = page(first(above + 1)) | bits;
    }
    let first = if large == 0 {
        0
    } else {
        1 + (large - 1) * EACH
    };
    pages[first][0] = 0xe7;
    let bytes = |entry: &u64| entry.to_le_bytes()[..width].to_vec();
    pages.iter().flatten().flat_map(bytes).collect()
}

/// Of how many entries one is there.
fn table_gap(level: usize) -> usize {
    [20, 20, 40, 80, 120, 120][level]
}

#[tokio::test]
async fn random_tables_are_read_as_the_builtin_reads_them() {
    for program in pcs() {
        let name = program.display().to_string();
        let mut random = Random(0x9E37_79B9_7F4A_7C15);
        let (mut lines, mut sought) = (0, 0);
        for (levels, code) in WITH_TABLES.iter().flat_map(|mode| [mode; 2]) {
            if *levels > 3 && !has(&program, "long") {
                continue;
            }
            let folder = tempfile::tempdir_in("/tmp").unwrap();
            let file = folder.path().join("tables");
            std::fs::write(&file, random_tables(&mut random, *levels)).unwrap();
            let loader = format!(
                "loader,file={},addr={TABLES:#x},force-raw=on",
                file.display()
            );
            let more = ["-cpu", "max", "-device", &loader];
            let (_qemu, client) = in_mode(&program, code, &more).await;
            let mut monitor = monitor(&client, Risk::Pausing).await;
            let what = format!("{name}, {levels} levels");
            let tlb = builtin(&client, "info tlb", Some(0)).await;
            lines += tlb.lines().count();
            alike(&mut monitor, &client, &what, "info tlb", 0).await;
            if *levels < 5 {
                lines += builtin(&client, "info mem", Some(0)).await.lines().count();
                alike(&mut monitor, &client, &what, "info mem", 0).await;
            }
            let mapped: Vec<&str> = tlb
                .lines()
                .map(|line| line.split(':').next().unwrap())
                .collect();
            for _ in 0..100 {
                let line = format!(
                    "gva2gpa 0x{} + {}",
                    random.of(&mapped),
                    random.below(0x3000)
                );
                alike(&mut monitor, &client, &what, &line, 0).await;
                sought += 1;
            }
        }
        let _ = writeln!(
            std::io::stderr(),
            "{name}: {lines} lines and {sought} addresses alike"
        );
        assert!(lines > 2000, "{lines}");
    }
}

/// Without a CPU, and with five levels where the built-in monitor would freeze the VM.
#[tokio::test]
async fn where_the_builtin_has_nothing_to_say() {
    for program in pcs() {
        let name = program.display().to_string();
        let qemu = Qemu::start(&program, &["-M", "none"]);
        let client = connect(&qemu).await;
        let mut native = monitor(&client, Risk::Pausing).await;
        for line in ["info mem", "info tlb", "gva2gpa 0", "print $pc", "x $pc"] {
            let theirs = builtin(&client, line, None).await;
            let mut ours = String::new();
            run(&mut native, line, &mut ours).await;
            assert_eq!(ours, theirs, "{name}: {line}");
        }
        let Some((_, code)) = MODES.iter().find(|(mode, _)| *mode == "five-levels") else {
            panic!("no such mode");
        };
        if !has(&program, "five-levels") {
            continue;
        }
        let (_qemu, client) = in_mode(&program, code, &["-cpu", "max"]).await;
        for (allow, answered) in [(Risk::Safe, false), (Risk::Pausing, true)] {
            let builder = Monitor::builder(Arc::new(client.clone())).host(Arc::new(Unattended));
            let mut monitor = builder.allow(allow).build().await.unwrap();
            let mut text = String::new();
            let ran = run(&mut monitor, "info mem", &mut text).await;
            assert_eq!(text.contains("-rw"), answered, "{name}: {text}");
            assert_eq!(
                text.starts_with("refused: info mem"),
                !answered,
                "{name}: {text}"
            );
            assert_eq!(ran.route.is_some(), answered);
        }
    }
}

/// What of `info registers` may differ: exceptions that SSE arithmetic raised, which QEMU's own code
/// for a CPU keeps apart until the built-in monitor asks.
fn without_sticky(text: &str) -> String {
    let masked = |line: &str| match line.split_once(" MXCSR=") {
        Some((before, value)) => {
            let value = u32::from_str_radix(value, 16).unwrap() & !0x3f;
            format!("{before} MXCSR={value:08x}\n")
        }
        None => format!("{line}\n"),
    };
    text.lines().map(masked).collect()
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

/// Code of every mode, from where it begins and from within instructions. QEMUs before 11 link an
/// older disassembler, whose lines are counted.
#[cfg(feature = "disassembly")]
#[tokio::test]
async fn instructions_are_decoded_in_the_mode_of_the_cpu() {
    for program in pcs() {
        let name = program.display().to_string();
        let (mut lines, mut same) = (0, 0);
        for (mode, code) in MODES.iter().filter(|(mode, _)| has(&program, mode)) {
            let (_qemu, client) = in_mode(&program, code, &["-cpu", "max"]).await;
            let mut monitor = monitor(&client, Risk::Pausing).await;
            let version = client.execute("query-version", Value::Null).await.unwrap();
            let alike = version["qemu"]["major"].as_u64().unwrap() >= 11;
            let pc = if alike { "$rip" } else { "$eip" };
            for cpu in [0, 1] {
                chosen(&mut monitor, cpu).await;
                for at in [
                    "xp/150i 0xf0000",
                    "xp/40i 0xf0003",
                    "xp/40i 0xfffff000",
                    "x/20i 0xf0000",
                    "x/4i 0x500",
                    &format!("x/2i {pc}"),
                ] {
                    let theirs = builtin(&client, at, Some(cpu)).await;
                    let mut ours = String::new();
                    run(&mut monitor, at, &mut ours).await;
                    if alike {
                        assert_eq!(ours, theirs, "{name} {mode}: {at} of CPU {cpu}");
                    }
                    lines += theirs.lines().count();
                    same += theirs
                        .lines()
                        .zip(ours.lines())
                        .filter(|(a, b)| a == b)
                        .count();
                }
            }
        }
        let _ = writeln!(
            std::io::stderr(),
            "{name}: {same} of {lines} lines of instructions alike"
        );
        assert!(
            lines > 300 && same * 10 > lines * 8,
            "{name}: {same} of {lines}"
        );
    }
}

/// The same under KVM, where it is there: in the modes, or where its emulation of them ends.
#[tokio::test]
async fn under_kvm() {
    if std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/kvm")
        .is_err()
    {
        skipped("no KVM (/dev/kvm does not open)");
        return;
    }
    for program in pcs() {
        let name = program.display().to_string();
        let (mut count, mut reached) = (0, 0);
        for (mode, code) in MODES.iter().filter(|(mode, _)| has(&program, mode)) {
            let more = ["-accel", "kvm", "-cpu", "qemu64"];
            let (_qemu, client, there) = started(&program, code, &more, 40).await;
            reached += i32::from(there);
            let mut monitor = monitor(&client, Risk::Risky).await;
            let what = format!("{name} with KVM {mode}");
            for cpu in [0, 1] {
                chosen(&mut monitor, cpu).await;
                let registers = builtin(&client, "info registers", Some(cpu)).await;
                // Frozen by five levels, if the CPU has got so far.
                let mem = if registers.contains("CR4=00001") {
                    "info tlb"
                } else {
                    "info mem"
                };
                for line in [
                    "info registers",
                    "info registers -a",
                    "info lapic",
                    "info tlb",
                    mem,
                ] {
                    let mut ours = String::new();
                    let ran = monitor.run_line(line, &mut ours).await;
                    let theirs = builtin(&client, line, Some(cpu)).await;
                    assert_eq!(ours, theirs, "{what}: {line} of CPU {cpu}");
                    assert_eq!(ran.notes, [""; 0], "{line}");
                    count += theirs.lines().count();
                }
                for name in names()
                    .iter()
                    .map(String::as_str)
                    .chain(["efer", "cr8", "fctrl", "fstat"])
                {
                    let line = format!("print/x ${name}");
                    count += usize::from(alike(&mut monitor, &client, &what, &line, cpu).await);
                }
                for address in addresses() {
                    alike(
                        &mut monitor,
                        &client,
                        &what,
                        &format!("gva2gpa {address:#x}"),
                        cpu,
                    )
                    .await;
                    count += 1;
                }
            }
        }
        let _ = writeln!(
            std::io::stderr(),
            "{name} with KVM: {count} lines alike, {reached} modes reached"
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
