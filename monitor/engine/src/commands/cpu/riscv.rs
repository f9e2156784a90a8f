// SPDX-License-Identifier: GPL-2.0-or-later
//! Registers of RISC-V CPUs of 64 bits, in the lines of the built-in monitor (target/riscv/cpu.c).

use std::fmt::{self, Write};

use serde_json::Value;

use crate::command::cx::{CmdError, Cx};
use crate::command::vm_state::{Listed, surprised};
use crate::guest::riscv::section::{self, Hypervisor, Whole};
use crate::guest::stream::Section;
use crate::qemu::objects;

/// Why a line is missing.
pub(super) const FLAGS_NOTE: &str =
    "the line of fcsr is left out: its exceptions are not in the state";

/// What calling conventions call the registers.
const GENERAL: [&str; 32] = [
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4",
    "a5", "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4",
    "t5", "t6",
];
const FLOATING: [&str; 32] = [
    "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0", "fa1", "fa2",
    "fa3", "fa4", "fa5", "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9",
    "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
];

/// CPUs of 32 bits that QEMU for 64 has too (target/riscv/cpu.c).
const NARROW: &[&str] = &[
    "lowrisc-ibex-",
    "max32-",
    "rv32-",
    "rv32e-",
    "rv32i-",
    "sifive-e31-",
    "sifive-e34-",
    "sifive-u34-",
];

/// Whether a CPU has registers for control and status (Zicsr): the base models rv64i and rv64e do
/// not. Refuses those of 32 bits.
pub(super) async fn check(cx: &mut Cx<'_>, cpu: &Listed) -> Result<bool, CmdError> {
    let properties = ["zicsr", "type"].map(|name| (cpu.qom_path.as_str(), name));
    let values = objects::values(cx.qmp(), properties).await?;
    let kind = values.get(1).cloned().flatten().unwrap_or_default();
    let kind = kind.as_str().unwrap_or_default();
    if NARROW.iter().any(|begin| kind.starts_with(begin)) {
        let why = "info registers: the state of RISC-V CPUs of 32 bits is not read here";
        return Err(CmdError::Unavailable(why.into()));
    }
    Ok(values.first() != Some(&Some(Value::Bool(false))))
}

/// The registers of a CPU.
pub(super) fn text(section: &Section<'_>, control: bool) -> Result<String, CmdError> {
    let whole = section::read(section).map_err(surprised)?;
    let mut text = String::new();
    print(&mut text, &whole, control)?;
    Ok(text)
}

/// Whether anything of the unit for floating point, vectors or extensions is in use: the highest bit
/// says so.
fn with_summary(status: u64) -> u64 {
    const DIRTY: u64 = 1 << 63;
    let used = [9, 13, 15].iter().any(|field| status >> field & 3 == 3);
    status & !DIRTY | if used { DIRTY } else { 0 }
}

/// Guests have 64 bits.
const WIDE_GUESTS: u64 = 2 << 32;

fn print(out: &mut dyn Write, whole: &Whole, control: bool) -> fmt::Result {
    let machine = &whole.machine;
    let hypervisor = whole.hypervisor.as_ref();
    let of = |field: fn(&Hypervisor) -> u64| hypervisor.map(field);
    let systems = whole.has('S');
    let system = |value: u64| systems.then_some(value);
    if whole.has('H') {
        writeln!(out, " V      =   {}", u8::from(whole.guest))?;
    }
    writeln!(out, " pc       {:016x}", whole.pc)?;
    let list = [
        ("mhartid", Some(whole.hart)),
        ("mstatus", Some(with_summary(machine.mstatus))),
        ("hstatus", of(|h| h.hstatus | WIDE_GUESTS)),
        ("vsstatus", of(|h| h.vsstatus)),
        ("mip", Some(machine.mip)),
        ("mie", Some(machine.mie)),
        ("mideleg", Some(machine.mideleg)),
        ("hideleg", of(|h| h.hideleg)),
        ("medeleg", Some(machine.medeleg)),
        ("hedeleg", of(|h| h.hedeleg)),
        ("mtvec", Some(machine.mtvec)),
        ("stvec", system(machine.stvec)),
        ("vstvec", of(|h| h.vstvec)),
        ("mepc", Some(machine.mepc)),
        ("sepc", system(machine.sepc)),
        ("vsepc", of(|h| h.vsepc)),
        ("mcause", Some(machine.mcause)),
        ("scause", system(machine.scause)),
        ("vscause", of(|h| h.vscause)),
        ("mtval", Some(machine.mtval)),
        ("stval", system(machine.stval)),
        ("htval", of(|h| h.htval)),
        ("mtval2", of(|h| h.mtval2)),
        ("mscratch", Some(machine.mscratch)),
        ("sscratch", system(machine.sscratch)),
        ("satp", system(machine.satp)),
    ];
    for (name, value) in list {
        if let Some(value) = value.filter(|_| control) {
            writeln!(out, " {name:<8} {value:016x}")?;
        }
    }
    print_four(out, 'x', &GENERAL, &whole.general)?;
    print_four(out, 'f', &FLOATING, &whole.floating)
}

fn print_four(
    out: &mut dyn Write,
    letter: char,
    names: &[&str; 32],
    values: &[u64; 32],
) -> fmt::Result {
    for (number, (name, value)) in names.iter().zip(values).enumerate() {
        let name = format!("{letter}{number}/{name}");
        write!(out, " {name:<8} {value:016x}")?;
        if number % 4 == 3 {
            writeln!(out)?;
        }
    }
    Ok(())
}
