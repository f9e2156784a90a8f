// SPDX-License-Identifier: GPL-2.0-or-later
//! CPUs under KVM, where it is there: in the modes, or where its emulation of them ends.

use std::io::Write;

use crate::common::qemu::skipped;
use crate::common::roms::{MODES, builtin, started};
use crate::paging::addresses;
use crate::pc::{alike, chosen, has, monitor, pcs};
use crate::registers::names;
use hmp_engine::host::Risk;

/// Whether there is one.
pub fn is_there() -> bool {
    let device = std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/kvm");
    if device.is_err() {
        skipped("no KVM (/dev/kvm does not open)");
    }
    device.is_ok()
}

#[tokio::test]
async fn under_kvm() {
    if !is_there() {
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
