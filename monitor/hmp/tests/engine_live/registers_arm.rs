// SPDX-License-Identifier: GPL-2.0-or-later
//! Registers of Arm CPUs without the built-in monitor, on real QEMUs, against its answers.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::common::engine::connect;
use crate::common::qemu::{Qemu, qemus};
use crate::common::random::Random;
use crate::common::roms::{builtin, run_until};
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

/// Where tables are, the lower ones and the upper ones.
const TABLES: [u64; 2] = [0x4030_0000, 0x4040_0000];

/// Tables of each kind.
const EACH: usize = 5;

/// Tables: how many bits addresses have, and the offset in a page.
#[derive(Clone, Copy, Debug)]
struct Kind {
    bits: u64,
    page: u64,
}

impl Kind {
    fn stride(self) -> u64 {
        self.page - 3
    }

    fn levels(self) -> usize {
        ((self.bits - 4) / self.stride()) as usize
    }

    fn shift(self, level: usize) -> u64 {
        self.page + self.stride() * (3 - level as u64)
    }
}

/// Whose tables: a system's, those of one below a hypervisor's level, a hypervisor's that has no
/// programs, and those of one that is a system itself.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Whose {
    System,
    Below,
    Hypervisor,
    Host,
}

impl Whose {
    fn is_at_el2(self) -> bool {
        matches!(self, Self::Hypervisor | Self::Host)
    }

    fn machine(self) -> &'static str {
        match self {
            Self::System => "virt",
            _ => "virt,virtualization=on",
        }
    }
}

/// Switches tables on, and stays: as a system, or as a program. Also where it stays then.
fn mapping(kind: Kind, whose: Whose, program: bool, guards: bool) -> (Vec<u8>, u64) {
    let load = |register: u32, from: u32, number: u32| {
        0x5800_0000 | (0x40 + 2 * number - from) << 5 | register
    };
    let mut words: Vec<u32> = Vec::new();
    if whose == Whose::Below {
        // From behind the code: hcr_el2; elr_el2 and spsr_el2, and on to EL1 behind this.
        for (number, write) in [(6, 0xd51c_1100), (7, 0xd51c_4020), (8, 0xd51c_4000)] {
            words.push(load(0, words.len() as u32, number));
            words.push(write);
        }
        words.push(0xd69f_03e0); // eret
    }
    let below = START + 4 * words.len() as u64;
    if whose == Whose::Host {
        words.push(load(0, words.len() as u32, 6));
        words.push(0xd51c_1100);
        words.push(0xd503_3fdf); // isb
    }
    // ttbr0, ttbr1, tcr, elr, spsr of this level: from behind the code.
    let level = if whose.is_at_el2() { 4 << 16 } else { 0 };
    for (number, write) in (0..).zip([
        0xd518_2000,
        0xd518_2020,
        0xd518_2040,
        0xd518_4020,
        0xd518_4000,
    ]) {
        // There is no upper half.
        if number == 1 && whose == Whose::Hypervisor {
            continue;
        }
        words.push(load(0, words.len() as u32, number));
        words.push(write | level);
    }
    words.push(load(0, words.len() as u32, 5));
    words.push(0xd503_3fdf); // isb
    words.push(0xd518_1000 | level); // msr sctlr, x0
    words.push(0xd503_3fdf);
    if guards {
        words.push(0xd500_419f); // msr pan, #1
    }
    let last = START + 4 * words.len() as u64;
    words.push(if program { 0xd69f_03e0 } else { 0x1400_0000 }); // eret, or b .
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.resize(0x80, 0);
    bytes.extend(0x1400_0000u32.to_le_bytes());
    bytes.resize(0x100, 0);
    let size = 64 - kind.bits;
    let (lower, upper) = match kind.page {
        12 => (0, 2),
        14 => (2, 1),
        _ => (1, 3),
    };
    // 40 bits of physical addresses, or as many as there are.
    let places = if kind.page == 16 { 6 } else { 2 };
    let control = match whose {
        // The tops of addresses are ignored.
        Whose::Hypervisor => size | lower << 14 | places << 16 | 1 << 20,
        _ => size | size << 16 | lower << 14 | upper << 30 | places << 32,
    };
    let hypervisor = match whose {
        // Instructions of 64 bits at EL1; as a system itself, with programs.
        Whose::Host => 1 << 31 | 1 << 34 | 1 << 27,
        _ => 1 << 31,
    };
    for number in [
        TABLES[0],
        TABLES[1],
        control,
        START + 0x80,
        0x3c0,
        0x30d0_0801 | 1,
        hypervisor,
        below,
        0x3c5,
    ] {
        bytes.extend(number.to_le_bytes());
    }
    (bytes, if program { START + 0x80 } else { last })
}

/// Random tables; where they are the lower ones, with a block that holds the code.
fn tables(random: &mut Random, kind: Kind, base: u64, program: bool) -> Vec<u8> {
    let entries = 1 << kind.stride();
    let begin = 4 - kind.levels();
    let mut pages = vec![vec![0u64; entries]; 1 + EACH * (kind.levels() - 1)];
    let place = |number: usize| base + ((number as u64) << kind.page);
    for (number, table) in pages.iter_mut().enumerate() {
        let level = begin + number.div_ceil(EACH);
        for entry in table.iter_mut() {
            let mut below = |bound: u64| random.below(bound);
            if below([200, 60, 60, 8][level] * entries as u64 / 512) > 0 {
                continue;
            }
            let next = number.div_ceil(EACH) * EACH + 1 + below(EACH as u64) as usize;
            let kept = u64::from(below(3) == 2) << 61;
            let rights = below(4) << 6 | below(2) << 10;
            *entry = if level < 3 && below(3) > 0 {
                place(next) | 3 | kept
            } else {
                // Pages are 3; on other levels that would be a table.
                let leaf = if level == 3 { 3 } else { 1 };
                // Some are where the CPU has no memory, or no addresses.
                let bits = if below(8) == 0 { 36 } else { 18 };
                below(1 << bits) << 12 | rights | leaf
            };
        }
    }
    if base == TABLES[0] {
        let block = if kind.page == 12 { 1 } else { 2 };
        for level in begin..=block {
            let first = |depth: usize| {
                if depth == 0 {
                    0
                } else {
                    1 + (depth - 1) * EACH
                }
            };
            let at = (START >> kind.shift(level)) as usize & (entries - 1);
            pages[first(level - begin)][at] = if level < block {
                place(first(level - begin + 1)) | 3
            } else {
                let rights = if program { 3 << 6 } else { 0 };
                START & !0 << kind.shift(block) | rights | 1 << 10 | 1
            };
        }
    }
    pages
        .iter()
        .flatten()
        .flat_map(|entry| entry.to_le_bytes())
        .collect()
}

/// Where pages and blocks start, as far as those are found first.
fn leaves(tables: &[u8], base: u64, kind: Kind) -> Vec<u64> {
    let mut found = Vec::new();
    let mut open = vec![(0, 4 - kind.levels(), 0u64)];
    while let Some((table, level, start)) = open.pop() {
        let entries = tables[table..][..1 << kind.page].chunks(8).enumerate();
        for (number, entry) in entries {
            let entry = u64::from_le_bytes(entry.try_into().unwrap());
            let start = start | (number as u64) << kind.shift(level);
            match entry & 3 {
                3 if level < 3 => {
                    let next = (entry & 0xffff_ffff_f000) - base;
                    open.push((next as usize, level + 1, start));
                }
                0 => {}
                _ => found.push(start),
            }
        }
        if found.len() > 5000 {
            break;
        }
    }
    found
}

#[tokio::test]
async fn addresses_are_mapped_as_the_builtin_says() {
    for program in qemus() {
        if target(&program) != Some("aarch64") {
            continue;
        }
        let name = program.display().to_string();
        let mut random = Random(0x9E37_79B9_7F4A_7C15);
        let (mut sought, mut mapped) = (0, 0);
        for (model, bits, page, as_program, guards, whose) in [
            ("cortex-a57", 48, 12, false, false, Whose::System),
            ("cortex-a57", 39, 12, false, false, Whose::System),
            ("cortex-a57", 48, 12, true, false, Whose::System),
            ("cortex-a57", 36, 12, false, false, Whose::System),
            ("max", 48, 12, false, false, Whose::System),
            ("max", 48, 12, false, true, Whose::System),
            ("max", 39, 12, true, false, Whose::System),
            ("max", 48, 14, false, false, Whose::System),
            ("max", 47, 14, true, false, Whose::System),
            ("max", 36, 14, false, true, Whose::System),
            ("cortex-a57", 48, 16, false, false, Whose::System),
            ("cortex-a57", 42, 16, true, false, Whose::System),
            ("max", 48, 16, false, true, Whose::System),
            ("max", 52, 16, false, false, Whose::System),
            ("cortex-a57", 48, 12, false, false, Whose::Below),
            ("max", 39, 12, true, false, Whose::Below),
            ("cortex-a57", 48, 12, false, false, Whose::Hypervisor),
            ("cortex-a57", 42, 16, false, false, Whose::Hypervisor),
            ("max", 39, 12, false, true, Whose::Hypervisor),
            ("max", 47, 14, false, false, Whose::Hypervisor),
            ("max", 48, 12, false, false, Whose::Host),
            ("max", 39, 12, false, true, Whose::Host),
            ("max", 48, 12, true, false, Whose::Host),
            ("max", 52, 16, false, false, Whose::Host),
        ] {
            let kind = Kind { bits, page };
            let folder = tempfile::tempdir_in("/tmp").unwrap();
            let mut more = vec![
                "-M".to_owned(),
                whose.machine().into(),
                "-cpu".into(),
                model.into(),
                "-m".into(),
                "64M".into(),
            ];
            let low = tables(&mut random, kind, TABLES[0], as_program);
            let high = tables(&mut random, kind, TABLES[1], as_program);
            let mut starts = leaves(&low, TABLES[0], kind);
            let upper = leaves(&high, TABLES[1], kind);
            starts.extend(upper.iter().map(|start| start | !0 << bits));
            let (code, place) = mapping(kind, whose, as_program, guards);
            let files = [
                ("code", START, code),
                ("low", TABLES[0], low),
                ("high", TABLES[1], high),
            ];
            for (file, start, bytes) in files {
                let path = folder.path().join(file);
                std::fs::write(&path, bytes).unwrap();
                more.extend([
                    "-device".into(),
                    format!(
                        "loader,file={},addr={start:#x},force-raw=on",
                        path.display()
                    ),
                ]);
            }
            more.extend([
                "-device".into(),
                format!("loader,addr={START:#x},cpu-num=0"),
            ]);
            let more: Vec<&str> = more.iter().map(String::as_str).collect();
            let qemu = Qemu::start(&program, &more);
            let client = connect(&qemu).await;
            // Where it stays: behind the code, or at its end.
            let level = match (as_program, whose.is_at_el2()) {
                (true, _) => "EL0t",
                (false, true) => "EL2h",
                (false, false) => "EL1h",
            };
            let place = format!("PC={place:016x}");
            run_until(&client, |shown| {
                shown.contains(level) && shown.contains(&place)
            })
            .await;
            let builder = Monitor::builder(Arc::new(client.clone())).host(Arc::new(Unattended));
            let builder = builder.passthrough(Passthrough::Never).allow(Risk::Risky);
            let mut monitor = builder.build().await.unwrap();
            let what = format!("{name} {model} {kind:?} {whose:?} {as_program} {guards}");
            for number in 0..120u64 {
                let address = match number % 6 {
                    0 => random.below(1 << bits),
                    1 => random.below(1 << 63) * 2,
                    _ => {
                        let start = starts[random.below(starts.len() as u64) as usize];
                        start.wrapping_add(random.below(0x2000))
                    }
                };
                let line = format!("gva2gpa {address:#x}");
                let theirs = builtin(&client, &line, None).await;
                let mut ours = String::new();
                monitor.run_line(&line, &mut ours).await;
                assert_eq!(ours, theirs, "{what}: {line}");
                sought += 1;
                mapped += usize::from(theirs.starts_with("gpa"));
            }
        }
        let _ = writeln!(
            std::io::stderr(),
            "{name}: {sought} addresses alike, {mapped} mapped"
        );
        assert!(mapped > 100, "{mapped}");
    }
}
