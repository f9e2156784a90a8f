// SPDX-License-Identifier: GPL-2.0-or-later
//! Tables of pages without the built-in monitor, on real QEMUs, against its answers.

use std::io::Write;
use std::sync::Arc;

use crate::common::engine::{connect, run};
use crate::common::qemu::Qemu;
use crate::common::random::Random;
use crate::common::roms::{MODES, TABLES, WITH_TABLES, builtin, in_mode};
use crate::pc::{alike, chosen, has, monitor, pcs};
use hmp::host::Unattended;
use hmp_engine::engine::Monitor;
use hmp_engine::host::Risk;

/// Addresses at the edges of what the firmware maps, and random ones.
pub fn addresses() -> Vec<u64> {
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
pub fn covered(mem: &str) -> u64 {
    let sizes = mem.lines().map(|line| line.split(' ').nth(1).unwrap());
    sizes
        .map(|size| u64::from_str_radix(size, 16).unwrap())
        .sum()
}

/// How many bytes the pages of `info tlb` have: of 2 MiB where the letter P says so.
pub fn pages_of(tlb: &str) -> u64 {
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
        // One that does not use the five levels that its CPU has is the built-in's.
        let other = MODES.iter().find(|(mode, _)| *mode == "long").unwrap();
        let (_other, plain) = in_mode(&program, other.1, &["-cpu", "max"]).await;
        let theirs = builtin(&plain, "info mem", None).await;
        let mut text = String::new();
        let builder = Monitor::builder(Arc::new(plain.clone())).host(Arc::new(Unattended));
        let mut monitor = builder.build().await.unwrap();
        let ran = run(&mut monitor, "info mem", &mut text).await;
        assert_eq!(text, theirs, "{name}: {ran:?}");
        let allowed = [Risk::Safe, Risk::Pausing, Risk::Risky];
        for (allow, answered) in allowed.into_iter().zip([false, true, true]) {
            let builder = Monitor::builder(Arc::new(client.clone())).host(Arc::new(Unattended));
            let mut monitor = builder.allow(allow).build().await.unwrap();
            let mut text = String::new();
            let ran = run(&mut monitor, "info mem", &mut text).await;
            assert_eq!(text.contains("-rw"), answered, "{name}: {text}");
            assert_eq!(
                text.starts_with("refused: the built-in's info mem"),
                !answered,
                "{name}: {text}"
            );
            assert_eq!(ran.route.is_some(), answered);
        }
    }
}
