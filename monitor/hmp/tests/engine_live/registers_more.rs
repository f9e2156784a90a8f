// SPDX-License-Identifier: GPL-2.0-or-later
//! Registers of other targets' CPUs without the built-in monitor, on real QEMUs: what is shown is
//! the built-in's, lines that are left out are named.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use crate::common::engine::connect;
use crate::common::qemu::{Qemu, qemus};
use crate::common::random::Random;
use crate::common::roms::{builtin, run_until};
use crate::common::steps;
use hmp::host::Unattended;
use hmp_engine::command::route::{Passthrough, Taken};
use hmp_engine::engine::Monitor;
use hmp_engine::host::Risk;
use hmp_engine::qmp::Qmp;
use serde_json::Value;

#[tokio::test]
async fn s390x() {
    for program in qemus() {
        let name = program.display().to_string();
        if !name.ends_with("s390x") {
            continue;
        }
        let (mut count, mut shown) = (0, 0);
        for model in ["max", "z900-base"] {
            // The firmware finds no disk, and gives up.
            let qemu = Qemu::start(
                &program,
                &["-smp", "2", "-cpu", model, "-action", "panic=pause"],
            );
            let client = connect(&qemu).await;
            let builder = Monitor::builder(Arc::new(client.clone())).host(Arc::new(Unattended));
            let builder = builder.passthrough(Passthrough::Never).allow(Risk::Risky);
            let mut monitor = builder.build().await.unwrap();
            for runs in [false, true] {
                if runs {
                    client.execute("cont", Value::Null).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    let status = client.execute("query-status", Value::Null).await.unwrap();
                    assert_eq!(status["status"], "guest-panicked");
                    if steps::are_kept() {
                        steps::keep(&client, model, &["info registers -a"], None).await;
                    }
                }
                for line in ["info registers", "info registers -a", "info registers 1"] {
                    let mut ours = String::new();
                    let ran = monitor.run_line(line, &mut ours).await;
                    let theirs = builtin(&client, line, None).await;
                    let lines = theirs.lines().filter(|line| !line.starts_with("PSW="));
                    let kept: String = lines.map(|line| format!("{line}\n")).collect();
                    assert_eq!(ours, kept, "{name} {model}: {line}");
                    assert_eq!((ran.route, ran.notes.len()), (Some(Taken::Partial), 1));
                    count += theirs.lines().count();
                    shown += kept.lines().count();
                }
            }
        }
        let _ = writeln!(std::io::stderr(), "{name}: {shown} of {count} lines");
        assert!(shown > 300, "{shown}");
    }
}

/// Where the code of RISC-V begins, and the tables.
const CODE: u64 = 0x8000_0000;
const TABLES: u64 = 0x8010_0000;

/// Puts the first hart into another mode with tables, and stays there.
fn code(levels: usize, privilege: u64) -> Vec<u8> {
    let load = |register: u32, offset: u32| offset << 20 | 5 << 15 | 3 << 12 | register << 7 | 0x03;
    let write = |csr: u32| csr << 20 | 6 << 15 | 1 << 12 | 0x73;
    let mut words = vec![0x0000_0297]; // auipc t0, 0
    // satp, pmpaddr0, pmpcfg0, mstatus, mepc: from t1, which comes from behind the code.
    for (number, csr) in (0u32..).zip([0x180, 0x3b0, 0x3a0, 0x300, 0x341]) {
        words.extend([load(6, 0x100 + 8 * number), write(csr)]);
    }
    words.push(0x3020_0073); // mret
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.resize(0x80, 0);
    bytes.extend(0x0000_006fu32.to_le_bytes()); // j .
    bytes.resize(0x100, 0);
    let satp = (levels as u64 + 5) << 60 | TABLES >> 12;
    let status = privilege << 11 | 1 << 13;
    for number in [satp, u64::MAX >> 10, 0x1f, status, CODE + 0x80] {
        bytes.extend(number.to_le_bytes());
    }
    bytes
}

/// Random tables, with a page of 1 GiB that holds the code; for programs where `user` says so.
fn random_tables(random: &mut Random, levels: usize, user: bool) -> Vec<u8> {
    const EACH: usize = 5;
    let mut pages = vec![vec![0u64; 512]; 1 + EACH * (levels - 1)];
    let place = |number: usize| (TABLES + 4096 * number as u64) >> 12 << 10;
    let mut below = |bound: u64| random.below(bound);
    for (number, table) in pages.iter_mut().enumerate() {
        let level = levels - number.div_ceil(EACH) - 1;
        let mut run = 0;
        for (at, entry) in table.iter_mut().enumerate() {
            if run == 0 && below([30, 100, 200, 250, 250][level]) > 0 {
                continue;
            }
            // Neighbours now and then, which may make up a block.
            run = if run == 0 { below(4) } else { run - 1 };
            *entry = if level > 0 && below(3) > 0 {
                let next = number.div_ceil(EACH) * EACH + 1;
                place(next + below(EACH as u64) as usize) | 1
            } else {
                let first = [0x8000_0000u64, 0x1_0000_0000][below(2) as usize]
                    + ((at as u64) << (12 + 9 * level));
                let bits = [0xcf, 0xc3, 0xd7, 0xdb, 0xc9, 0x07][below(6) as usize];
                first >> 12 << 10 | bits
            };
        }
    }
    let mut number = 0;
    for level in (0..levels).rev() {
        if level == 2 {
            pages[number][2] = CODE >> 12 << 10 | if user { 0xdf } else { 0xcf };
            break;
        }
        let next = number.div_ceil(EACH) * EACH + 1;
        pages[number][0] = place(next) | 1;
        number = next;
    }
    pages
        .iter()
        .flatten()
        .flat_map(|entry| entry.to_le_bytes())
        .collect()
}

#[tokio::test]
async fn riscv64() {
    for program in qemus() {
        let name = program.display().to_string();
        if !name.ends_with("riscv64") {
            continue;
        }
        let mut random = Random(0x2545_F491_4F6C_DD1D);
        let (mut registers, mut blocks, mut sought) = (0, 0, 0);
        for (levels, privilege) in [(3, 1), (4, 1), (5, 1), (3, 0), (5, 0)] {
            let folder = tempfile::tempdir_in("/tmp").unwrap();
            let tables = random_tables(&mut random, levels, privilege == 0);
            let mut loaders = Vec::new();
            for (file, start, bytes) in [
                ("code", CODE, code(levels, privilege)),
                ("tables", TABLES, tables),
            ] {
                let path = folder.path().join(file);
                std::fs::write(&path, bytes).unwrap();
                loaders.push("-device".to_owned());
                loaders.push(format!(
                    "loader,file={},addr={start:#x},force-raw=on",
                    path.display()
                ));
            }
            let mut more = vec!["-bios", "none", "-m", "64M", "-cpu", "rv64,h=on"];
            more.extend(loaders.iter().map(String::as_str));
            let qemu = Qemu::start(&program, &more);
            let client = connect(&qemu).await;
            let builder = Monitor::builder(Arc::new(client.clone())).host(Arc::new(Unattended));
            let builder = builder.passthrough(Passthrough::Never).allow(Risk::Risky);
            let mut monitor = builder.build().await.unwrap();
            let what = format!("{name}, {levels} levels");
            for runs in [false, true] {
                if runs {
                    let place = "pc       0000000080000080";
                    run_until(&client, |registers| registers.contains(place)).await;
                    if steps::are_kept() && levels == 4 {
                        let lines = ["info registers -a", "info mem", "gva2gpa 0x80001234"];
                        steps::keep(&client, "levels4", &lines, None).await;
                    }
                }
                let mut ours = String::new();
                let ran = monitor.run_line("info registers -a", &mut ours).await;
                let theirs = builtin(&client, "info registers -a", None).await;
                let lines = theirs.lines().filter(|line| !line.starts_with(" fcsr"));
                let kept: String = lines.map(|line| format!("{line}\n")).collect();
                assert_eq!(ours, kept, "{what}");
                assert_eq!((ran.route, ran.notes.len()), (Some(Taken::Partial), 1));
                registers += kept.lines().count();
                let mut ours = String::new();
                monitor.run_line("info mem", &mut ours).await;
                let theirs = builtin(&client, "info mem", None).await;
                assert_eq!(ours, theirs, "{what}");
                let lines: Vec<&str> = theirs.lines().skip(2).collect();
                blocks += lines.len();
                for number in 0..if runs { 200 } else { 3 } {
                    let address = match lines.get(random.below(lines.len().max(1) as u64) as usize)
                    {
                        Some(line) if number % 4 > 0 => {
                            format!("0x{} + {}", &line[..16], random.below(0x3000))
                        }
                        _ => format!("{}", random.below(1 << (20 + number % 40))),
                    };
                    let line = format!("gva2gpa {address}");
                    let mut ours = String::new();
                    monitor.run_line(&line, &mut ours).await;
                    assert_eq!(ours, builtin(&client, &line, None).await, "{what}: {line}");
                    sought += 1;
                }
            }
        }
        let _ = writeln!(
            std::io::stderr(),
            "{name}: {registers} lines of registers, {blocks} blocks, {sought} addresses alike"
        );
        assert!(registers > 400 && blocks > 300, "{registers}, {blocks}");
    }
}

/// Which registers a model has, its properties say.
#[tokio::test]
async fn models_of_riscv64() {
    for program in qemus() {
        let name = program.display().to_string();
        if !name.ends_with("riscv64") {
            continue;
        }
        for (model, control) in [
            ("rv64", true),
            ("rv64i", false),
            ("rv64e", false),
            ("max", true),
            ("rva22s64", true),
            ("sifive-e51", true),
        ] {
            let qemu = Qemu::start(&program, &["-bios", "none", "-cpu", model]);
            let client = connect(&qemu).await;
            let builder = Monitor::builder(Arc::new(client.clone())).host(Arc::new(Unattended));
            let builder = builder.passthrough(Passthrough::Never).allow(Risk::Risky);
            let mut monitor = builder.build().await.unwrap();
            let mut ours = String::new();
            let ran = monitor.run_line("info registers", &mut ours).await;
            let theirs = builtin(&client, "info registers", None).await;
            let lines = theirs.lines().filter(|line| !line.starts_with(" fcsr"));
            let kept: String = lines.map(|line| format!("{line}\n")).collect();
            assert_eq!(ours, kept, "{name} {model}");
            assert_eq!(ran.notes.len(), usize::from(control), "{model}");
            assert_eq!(ours.contains(" mstatus "), control, "{model}");
        }
    }
}

#[tokio::test]
async fn ppc64() {
    for program in qemus() {
        let name = program.display().to_string();
        if !name.ends_with("ppc64") {
            continue;
        }
        let mut shown = 0;
        for machine in [
            &["-M", "pseries", "-cpu", "power9"][..],
            &["-M", "pseries", "-cpu", "power10"],
            &["-M", "powernv9"],
        ] {
            let qemu = Qemu::start(&program, &[machine, &["-smp", "2"]].concat());
            let client = connect(&qemu).await;
            let builder = Monitor::builder(Arc::new(client.clone())).host(Arc::new(Unattended));
            let builder = builder.passthrough(Passthrough::Never).allow(Risk::Risky);
            let mut monitor = builder.build().await.unwrap();
            for runs in [false, true] {
                if runs {
                    client.execute("cont", Value::Null).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(1500)).await;
                    client.execute("stop", Value::Null).await.unwrap();
                    if steps::are_kept() {
                        let kept = machine.last().unwrap();
                        steps::keep(&client, kept, &["info registers -a"], None).await;
                    }
                }
                for line in ["info registers", "info registers -a"] {
                    let mut ours = String::new();
                    let ran = monitor.run_line(line, &mut ours).await;
                    let theirs = builtin(&client, line, None).await;
                    // Where nothing is reserved, the length of what was is not in the state.
                    let lines = theirs.lines().filter(|line| {
                        let begins = |begin: &str| line.starts_with(begin);
                        let unreserved = line.ends_with("@ffffffffffffffff");
                        !(begins("MSR ") || begins("TB ") || begins("CR ") && unreserved)
                    });
                    let kept: String = lines.map(|line| format!("{line}\n")).collect();
                    assert_eq!(ours, kept, "{name} {machine:?}: {line}");
                    assert_eq!((ran.route, ran.notes.len()), (Some(Taken::Partial), 1));
                    shown += kept.lines().count();
                }
            }
        }
        let qemu = Qemu::start(&program, &["-M", "pseries", "-cpu", "power8"]);
        let mut monitor = Monitor::builder(Arc::new(connect(&qemu).await))
            .host(Arc::new(Unattended))
            .passthrough(Passthrough::Never)
            .allow(Risk::Risky)
            .build()
            .await
            .unwrap();
        let mut text = String::new();
        monitor.run_line("info registers", &mut text).await;
        assert!(text.contains("only the lines of POWER9"), "{text}");
        let _ = writeln!(std::io::stderr(), "{name}: {shown} lines alike");
        assert!(shown > 200, "{shown}");
    }
}
