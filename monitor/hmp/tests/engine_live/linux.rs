// SPDX-License-Identifier: GPL-2.0-or-later
//! A real kernel's CPUs and tables of pages without the built-in monitor, against its answers.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use crate::common::engine::run;
use crate::common::linux::{Linux, folder};
use crate::common::qemu::skipped;
use crate::common::roms::builtin;
use crate::common::steps;
use crate::kvm;
use crate::paging::{covered, pages_of};
use crate::pc::{alike, chosen, has, monitor, pcs, without_sticky};
use hmp_engine::host::Risk;

/// CPUs, and what the guest does. The first two have four levels of tables, the last five.
const SETUPS: &[(&str, &str)] = &[
    ("qemu64", "idle"),
    ("max,la57=off", "busy"),
    ("max", "busy"),
];

/// How long it may take until the guest answers, on a machine that is busy.
const BOOT: Duration = Duration::from_secs(120);

/// How long it may take under KVM: one that runs in a VM itself may be too slow, or stop.
const BOOT_UNDER_KVM: Duration = Duration::from_secs(15);

/// Lines that were compared.
#[derive(Debug, Default)]
struct Counts {
    registers: usize,
    tlb: usize,
    mem: usize,
    addresses: usize,
    memory: usize,
    instructions: usize,
    /// Instructions that are shown in another way by QEMUs with an older disassembler.
    other_instructions: usize,
}

/// A number in what `info registers` shows.
fn number(registers: &str, name: &str) -> Option<u64> {
    let (_, behind) = registers.split_once(name)?;
    let digits = behind.split(|c: char| !c.is_ascii_hexdigit()).next()?;
    u64::from_str_radix(digits, 16).ok()
}

/// Compares both CPUs of a VM that is stopped.
async fn compare(linux: &Linux, what: &str, counts: &mut Counts) {
    let client = &linux.client;
    let mut monitor = monitor(client, Risk::Risky).await;
    let gdb_names = monitor.caps().version.major >= 11;
    let pc = if gdb_names { "$rip" } else { "$pc" };
    for cpu in [0, 1] {
        chosen(&mut monitor, cpu).await;
        let what = format!("{what}, CPU {cpu}");
        for line in [
            "info registers -a",
            "info registers",
            "info lapic",
            "info lapic 1",
        ] {
            let mut ours = String::new();
            run(&mut monitor, line, &mut ours).await;
            let theirs = builtin(client, line, Some(cpu)).await;
            let ours: String = ours
                .lines()
                .filter(|line| !line.starts_with("note: "))
                .map(|line| format!("{line}\n"))
                .collect();
            assert_eq!(
                without_sticky(&ours),
                without_sticky(&theirs),
                "{what}: {line}"
            );
            counts.registers += theirs.lines().count();
        }
        let registers = builtin(client, "info registers", Some(cpu)).await;
        let five_levels = number(&registers, "CR4=").unwrap() & 1 << 12 != 0;
        let tlb = builtin(client, "info tlb", Some(cpu)).await;
        alike(&mut monitor, client, &what, "info tlb", cpu).await;
        counts.tlb += tlb.lines().count();
        let mut mem = String::new();
        run(&mut monitor, "info mem", &mut mem).await;
        if five_levels {
            // The built-in would freeze the VM.
            assert_eq!(covered(&mem), pages_of(&tlb), "{what}");
        } else {
            let theirs = builtin(client, "info mem", Some(cpu)).await;
            assert_eq!(mem, theirs, "{what}: info mem");
        }
        counts.mem += mem.lines().count();
        let mut places = linux.symbols.clone();
        let names = ["RIP=", "RSP=", "GDT=     ", "IDT=     ", "CR2="];
        places.extend(names.iter().filter_map(|name| number(&registers, name)));
        // Some of all that is mapped, and some behind.
        for line in tlb.lines().step_by(1 + tlb.lines().count() / 100) {
            let start = line
                .split_once(':')
                .map(|(start, _)| u64::from_str_radix(start, 16));
            let start = start.map(Result::unwrap).into_iter();
            places.extend(start.flat_map(|start| [start + 0x123, start.wrapping_sub(1)]));
        }
        for place in places {
            alike(
                &mut monitor,
                client,
                &what,
                &format!("gva2gpa {place:#x}"),
                cpu,
            )
            .await;
            counts.addresses += 1;
        }
        for place in &linux.symbols {
            let line = format!("x/4xg {place:#x}");
            alike(&mut monitor, client, &what, &line, cpu).await;
            counts.memory += 1;
        }
        for line in [
            format!("x/10i {pc}"),
            format!("x/i {pc}"),
            "print/x $pc".to_owned(),
        ] {
            let theirs = builtin(client, &line, Some(cpu)).await;
            let mut ours = String::new();
            run(&mut monitor, &line, &mut ours).await;
            if gdb_names || line.starts_with("print") {
                assert_eq!(ours, theirs, "{what}: {line}");
            }
            counts.instructions += theirs.lines().count();
            let pairs = theirs.lines().zip(ours.lines());
            counts.other_instructions += pairs.filter(|(theirs, ours)| theirs != ours).count();
        }
    }
}

#[tokio::test]
async fn linux_is_shown_as_the_builtin_shows_it() {
    let Some(folder) = folder() else { return };
    for program in pcs().filter(|program| has(program, "long")) {
        let mut counts = Counts::default();
        for (cpu, work) in SETUPS {
            let (linux, ready) = Linux::boot(&program, &folder, &["-cpu", cpu], work, BOOT).await;
            let known = linux.symbols.len();
            assert!(ready && known >= 50, "it does not boot: {known} symbols");
            tokio::time::sleep(Duration::from_millis(300)).await;
            linux.execute("stop").await;
            let what = format!("{} {cpu} {work}", program.display());
            compare(&linux, &what, &mut counts).await;
            if steps::are_kept() && *cpu == "max,la57=off" {
                keep(&linux, &program).await;
            }
        }
        let _ = writeln!(std::io::stderr(), "{}: {counts:?}", program.display());
        let few = counts.other_instructions * 5 < counts.instructions;
        assert!(counts.tlb > 10_000 && counts.mem > 200 && few, "{counts:?}");
    }
}

/// Keeps what tests without a QEMU play back.
async fn keep(linux: &Linux, program: &Path) {
    if !program.to_string_lossy().contains("11.1") {
        return;
    }
    let mut lines = vec![
        "info registers -a".to_owned(),
        "info lapic".to_owned(),
        "info mem".to_owned(),
    ];
    let symbols = linux.symbols.iter().step_by(5);
    lines.extend(symbols.map(|place| format!("gva2gpa {place:#x}")));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    steps::keep(&linux.client, "linux", &lines, None).await;
}

/// The same under KVM, or where the kernel got to there.
#[tokio::test]
async fn linux_under_kvm() {
    let Some(folder) = folder() else { return };
    if !kvm::is_there() {
        return;
    }
    for program in pcs().filter(|program| has(program, "long")) {
        let more = ["-accel", "kvm", "-cpu", "qemu64"];
        let (linux, ready) = Linux::boot(&program, &folder, &more, "idle", BOOT_UNDER_KVM).await;
        let status = linux.execute("query-status").await["status"].clone();
        if !ready {
            skipped(&format!(
                "{}: KVM does not boot Linux here within {BOOT_UNDER_KVM:?} (the VM is {status}); compared where \
                 it got to",
                program.display()
            ));
        }
        if status == "running" {
            linux.execute("stop").await;
        }
        let mut counts = Counts::default();
        compare(
            &linux,
            &format!("{} with KVM", program.display()),
            &mut counts,
        )
        .await;
        let _ = writeln!(
            std::io::stderr(),
            "{} with KVM: {counts:?}",
            program.display()
        );
        assert!(counts.registers > 100, "{counts:?}");
    }
}
