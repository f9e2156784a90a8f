// SPDX-License-Identifier: GPL-2.0-or-later
//! Registers of Arm CPUs, in the lines of the built-in monitor (target/arm/cpu.c).

use std::fmt::{self, Write};

use crate::command::cx::CmdError;
use crate::command::vm_state::surprised;
use crate::guest::arm::section::{self, FPMR, ID_AA64PFR1, NARROW, SCR_EL3, SVCR, VECTOR, Whole};
use crate::guest::arm::vectors::{Traits, View};
use crate::guest::stream::{Section, Surprise};
use crate::qmp::version::{Version, v};

/// The first release whose status has 16 digits (10.2, seen: on 11.1.3, and in the sources of 10.2;
/// 10.0.2 shows 8).
const WIDE_STATUS: Version = v(10, 2);

/// The registers of a CPU.
pub(super) fn text(
    section: &Section<'_>,
    traits: Traits,
    version: Version,
    kvm: bool,
) -> Result<String, CmdError> {
    let whole = section::read(section).map_err(surprised)?;
    let refused = |why: &str| Err(surprised(Surprise(why.to_owned())));
    let mut text = String::new();
    let printed = if whole.status & NARROW != 0 {
        if kvm {
            return refused("how many registers of 64 bits there are is not known under KVM");
        }
        if traits.el3 && whole.system(SCR_EL3).is_none() {
            return refused("whether the CPU is in the secure world is not known");
        }
        print_narrow(&mut text, &whole, traits)
    } else {
        if whole.system_or_0(SVCR) != 0 {
            return refused("the CPU streams vectors");
        }
        let view = View::new(&whole, traits);
        let length = view.length();
        if length.is_some_and(|length| 2 * (length + 1) > VECTOR) {
            return refused("vectors are longer than the state holds");
        }
        print_wide(&mut text, &whole, &view, traits, version)
    };
    printed?;
    Ok(text)
}

/// The four flags of a status.
fn flags(status: u64) -> String {
    let letter = |(letter, bit): (char, u32)| if status >> bit & 1 == 1 { letter } else { '-' };
    [('N', 31), ('Z', 30), ('C', 29), ('V', 28)]
        .map(letter)
        .iter()
        .collect()
}

/// The world, where there are two.
fn world(whole: &Whole, traits: Traits) -> &'static str {
    match (traits.el3, whole.system_or_0(SCR_EL3) & 1) {
        (false, _) => "",
        (true, 1) => "NS ",
        (true, _) => "S ",
    }
}

/// Modes of instructions of 32 bits, by the low bits of the status.
const MODES: [&str; 16] = [
    "usr", "fiq", "irq", "svc", "???", "???", "mon", "abt", "???", "???", "hyp", "und", "???",
    "???", "???", "sys",
];
const MONITOR: u64 = 0x16;

fn print_narrow(out: &mut dyn Write, whole: &Whole, traits: Traits) -> fmt::Result {
    for (line, registers) in whole.narrow.chunks(4).enumerate() {
        let registers = registers.iter().zip(4 * line..);
        let registers = registers.map(|(value, number)| format!("R{number:02}={value:08x}"));
        writeln!(out, "{}", registers.collect::<Vec<_>>().join(" "))?;
    }
    let status = whole.status & 0xffff_ffff;
    let world = match status & 0x1f {
        MONITOR => "",
        _ => world(whole, traits),
    };
    writeln!(
        out,
        "PSR={status:08x} {} {} {world}{}32",
        flags(status),
        if status >> 5 & 1 == 1 { 'T' } else { 'A' },
        MODES[(status & 15) as usize],
    )?;
    let registers = whole.vectors.iter().flat_map(|vectors| &vectors.registers);
    let halves = registers.flat_map(|register| &register[..2]);
    for (number, value) in halves.take(traits.narrow).enumerate() {
        writeln!(
            out,
            "s{:02}={:08x} s{:02}={:08x} d{number:02}={value:016x}",
            2 * number,
            *value as u32,
            2 * number + 1,
            value >> 32
        )?;
    }
    let both = whole.vectors.as_ref().map_or(0, |vectors| vectors.both);
    writeln!(out, "FPSCR: {both:08x}")
}

fn print_wide(
    out: &mut dyn Write,
    whole: &Whole,
    view: &View<'_>,
    traits: Traits,
    version: Version,
) -> fmt::Result {
    write!(out, " PC={:016x} ", whole.pc)?;
    for (number, value) in whole.wide.iter().enumerate() {
        match number {
            31 => writeln!(out, " SP={value:016x}")?,
            _ => {
                let end = if (number + 2) % 3 == 0 { '\n' } else { ' ' };
                write!(out, "X{number:02}={value:016x}{end}")?;
            }
        }
    }
    let status = whole.status;
    match version >= WIDE_STATUS {
        true => write!(out, "PSTATE={status:016x}")?,
        false => write!(out, "PSTATE={status:08x}")?,
    }
    let world = if view.level() == 3 {
        ""
    } else {
        world(whole, traits)
    };
    let stack = if status & 1 == 1 { 'h' } else { 't' };
    write!(out, " {} {world}EL{}{stack}", flags(status), view.level())?;
    if let Some(streaming) = whole.system(SVCR) {
        write!(out, "  SVCR={streaming:08x} --")?;
    }
    if whole.system_or_0(ID_AA64PFR1) & 15 != 0 {
        write!(out, "  BTYPE={}", status >> 10 & 3)?;
    }
    for (name, bit) in [(" NV", 42), (" NV1", 43), (" NV2", 45)] {
        if view.hypervisor >> bit & 1 == 1 {
            out.write_str(name)?;
        }
    }
    let Some(vectors) = whole.vectors.as_ref().filter(|_| !view.is_disabled()) else {
        return writeln!(out, "    FPU disabled");
    };
    write!(
        out,
        "     FPCR={:08x} FPSR={:08x}",
        vectors.control, vectors.status
    )?;
    if let Some(form) = whole.system(FPMR) {
        write!(out, " FPMR={form:#x}")?;
    }
    writeln!(out)?;
    match view.length() {
        None => print_pairs(out, 'Q', &vectors.registers),
        Some(length) => {
            print_predicates(out, &vectors.predicates, length)?;
            if length == 0 {
                return print_pairs(out, 'Z', &vectors.registers);
            }
            for (number, register) in vectors.registers.iter().enumerate() {
                let parts = register[..2 * (length + 1)].iter().rev();
                let parts: Vec<_> = parts.map(|part| format!("{part:016x}")).collect();
                writeln!(out, "Z{number:02}={}", parts.join(":"))?;
            }
            Ok(())
        }
    }
}

/// Two registers of 128 bits a line.
fn print_pairs(out: &mut dyn Write, letter: char, registers: &[[u64; VECTOR]]) -> fmt::Result {
    for (number, register) in registers.iter().enumerate() {
        let end = if number % 2 == 0 { ' ' } else { '\n' };
        let [low, high, ..] = register;
        write!(out, "{letter}{number:02}={high:016x}:{low:016x}{end}")?;
    }
    Ok(())
}

/// Predicates, as many a line as fit.
fn print_predicates(out: &mut dyn Write, all: &[[u64; 4]], length: usize) -> fmt::Result {
    let line = match length {
        0 => 8,
        1 => 6,
        2 | 3 => 3,
        _ => 1,
    };
    let last = all.len().saturating_sub(1);
    for (number, predicate) in all.iter().enumerate() {
        match number == last {
            true => out.write_str("FFR=")?,
            false => write!(out, "P{number:02}=")?,
        }
        let parts = length / 4;
        for part in (0..=parts).rev() {
            let digits = match part * 4 + 4 <= length + 1 {
                true => 16,
                false => (length % 4 + 1) * 4,
            };
            let value = predicate.get(part).copied().unwrap_or(0);
            write!(out, "{value:0digits$x}")?;
            if part > 0 {
                out.write_char(':')?;
            }
        }
        let ends = number == last || number % line == line - 1;
        out.write_char(if ends { '\n' } else { ' ' })?;
    }
    Ok(())
}
