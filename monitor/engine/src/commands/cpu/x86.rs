// SPDX-License-Identifier: GPL-2.0-or-later
//! Registers of x86 CPUs, in the lines of the built-in monitor (target/i386/cpu-dump.c).

use std::fmt::{self, Write};

use crate::command::cx::CmdError;
use crate::command::vm_state::surprised;
use crate::format::sign::Sign as _;
use crate::guest::bytes::Bytes;
use crate::guest::stream::{Section, Surprise, subsections};
use crate::guest::x86::cpu::Segment;
use crate::guest::x86::section::{self, LONG, LONG_CODE, PROTECTED, Whole};

/// What the state lacks of MXCSR: they are kept elsewhere until they are asked for.
pub(super) const STICKY_NOTE: &str = "of MXCSR, exceptions that this accelerator noticed since it was last read or set are not in the state";

/// The registers of a CPU, of its own section and of the one that all targets have.
pub(super) fn text(
    own: &Section<'_>,
    common: &Section<'_>,
    narrow: bool,
) -> Result<String, CmdError> {
    let whole = section::read(own, narrow).map_err(surprised)?;
    let halted = halted(common).map_err(surprised)?;
    let mut text = String::new();
    print(&mut text, &whole, halted)?;
    Ok(text)
}

/// Whether a CPU halted, as its other section says (hw/core/cpu-common.c).
fn halted(section: &Section<'_>) -> Result<u32, Surprise> {
    let surprise = || Surprise("the common state of a CPU has another layout".into());
    let mut bytes = Bytes::big_endian(section.body);
    let halted = bytes.word().filter(|_| section.version == 1);
    let halted = halted.ok_or_else(surprise)?;
    bytes.word().ok_or_else(surprise)?;
    subsections(bytes.rest(), |name, version| match (name, version) {
        ("cpu_common/exception_index", 1) => Some(4),
        ("cpu_common/crash_occurred", 1) => Some(1),
        _ => None,
    })?;
    Ok(halted)
}

const LONG_NAMES: &[&[(&str, usize)]] = &[
    &[("RAX", 0), ("RBX", 3), ("RCX", 1), ("RDX", 2)],
    &[("RSI", 6), ("RDI", 7), ("RBP", 5), ("RSP", 4)],
    &[("R8 ", 8), ("R9 ", 9), ("R10", 10), ("R11", 11)],
    &[("R12", 12), ("R13", 13), ("R14", 14), ("R15", 15)],
];
const SHORT_NAMES: &[&[(&str, usize)]] = &[
    &[("EAX", 0), ("EBX", 3), ("ECX", 1), ("EDX", 2)],
    &[("ESI", 6), ("EDI", 7), ("EBP", 5), ("ESP", 4)],
];
const SEGMENT_NAMES: [&str; 6] = ["ES", "CS", "SS", "DS", "FS", "GS"];

/// Bits of the flags, as letters.
const FLAGS: &[(char, u32)] = &[
    ('D', 10),
    ('O', 11),
    ('S', 7),
    ('Z', 6),
    ('A', 4),
    ('P', 2),
    ('C', 0),
];

/// What XCR0 has where AVX, and where AVX-512 is used.
const AVX: u64 = 0x6;
const AVX512: u64 = 0xe6;

fn print(out: &mut dyn Write, whole: &Whole, halted: u32) -> fmt::Result {
    let (cpu, mode) = (&whole.cpu, whole.mode);
    let long = mode & LONG_CODE != 0;
    let names = if long { LONG_NAMES } else { SHORT_NAMES };
    for line in names {
        let registers = line.iter().map(|(name, number)| {
            let value = cpu.general[*number];
            format!("{name}={}", digits(value, long))
        });
        writeln!(out, "{}", joined(registers))?;
    }
    let (ip, flags) = if long { ("RIP", "RFL") } else { ("EIP", "EFL") };
    write!(
        out,
        "{ip}={} {flags}={:08x} [",
        digits(cpu.ip, long),
        cpu.flags as u32
    )?;
    for (letter, bit) in FLAGS {
        let set = cpu.flags >> bit & 1 == 1;
        out.write_char(if set { *letter } else { '-' })?;
    }
    let one = |value: u32, bit: u32| value >> bit & 1;
    writeln!(
        out,
        "] CPL={} II={} A20={} SMM={} HLT={halted}",
        mode & 3,
        one(mode, 3),
        one(whole.gate.as_unsigned(), 20),
        one(mode, 19),
    )?;
    for (name, segment) in SEGMENT_NAMES.iter().zip(&cpu.segments) {
        print_segment(out, mode, name, segment)?;
    }
    print_segment(out, mode, "LDT", &cpu.ldt)?;
    print_segment(out, mode, "TR", &cpu.task)?;
    let wide = mode & LONG != 0;
    for (name, table) in [("GDT", &cpu.gdt), ("IDT", &cpu.idt)] {
        writeln!(
            out,
            "{name}=     {} {:08x}",
            digits(table.base, wide),
            table.limit
        )?;
    }
    let [cr0, _, cr2, cr3, cr4] = cpu.control;
    writeln!(
        out,
        "CR0={:08x} CR2={} CR3={} CR4={:08x}",
        cr0 as u32,
        digits(cr2, wide),
        digits(cr3, wide),
        cr4 as u32
    )?;
    let debug = |number: usize| format!("DR{number}={}", digits(whole.debug[number], !cpu.narrow));
    for number in 0..4 {
        write!(out, "{} ", debug(number))?;
    }
    writeln!(out, "\n{} {}", debug(6), debug(7))?;
    writeln!(out, "EFER={:016x}", whole.efer)?;
    writeln!(
        out,
        "FCW={:04x} FSW={:04x} [ST={}] FTW={:02x} MXCSR={:08x}",
        whole.fpu_control,
        whole.fpu_status,
        whole.fpu_status >> 11 & 7,
        whole.fpu_tags,
        whole.mxcsr
    )?;
    for (number, pair) in whole.fpu.chunks(2).enumerate() {
        let registers = pair
            .iter()
            .zip(2 * number..)
            .map(|((mantissa, rest), number)| format!("FPR{number}={mantissa:016x} {rest:04x}"));
        writeln!(out, "{}", joined(registers))?;
    }
    print_vectors(out, whole, long)
}

/// How many of the vector registers are shown depends on the code that the CPU executes.
fn print_vectors(out: &mut dyn Write, whole: &Whole, long: bool) -> fmt::Result {
    let shown = |most: usize| {
        whole
            .vectors
            .iter()
            .take(if long { most } else { 8 })
            .enumerate()
    };
    let whole_vector = |vector: &[u64]| {
        let numbers = vector.iter().rev().map(|number| format!("{number:016x}"));
        joined(numbers)
    };
    if whole.xcr0 & AVX512 == AVX512 {
        for (line, masks) in whole.masks.chunks(4).enumerate() {
            let masks = masks.iter().zip(4 * line..);
            let masks = masks.map(|(mask, number)| format!("Opmask{number:02}={mask:016x}"));
            writeln!(out, "{}", joined(masks))?;
        }
        for (number, vector) in shown(32) {
            writeln!(out, "ZMM{number:02}={}", whole_vector(vector))?;
        }
    } else if whole.xcr0 & AVX == AVX {
        for (number, vector) in shown(16) {
            writeln!(out, "YMM{number:02}={}", whole_vector(&vector[..4]))?;
        }
    } else {
        let vectors: Vec<_> = shown(16).collect();
        for pair in vectors.chunks(2) {
            let registers = pair
                .iter()
                .map(|(number, vector)| format!("XMM{number:02}={}", whole_vector(&vector[..2])));
            writeln!(out, "{}", joined(registers))?;
        }
    }
    Ok(())
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(" ")
}

/// A number in 16 digits, or its lower half in 8.
fn digits(value: u64, wide: bool) -> String {
    match wide {
        true => format!("{value:016x}"),
        false => format!("{:08x}", value as u32),
    }
}

/// Bits of a segment's flags.
const IS_PRESENT: u32 = 1 << 15;
const IS_MEMORY: u32 = 1 << 12;
const IS_CODE: u32 = 1 << 11;
const IS_LONG: u32 = 1 << 21;
const IS_WIDE: u32 = 1 << 22;

/// What descriptors of the system are called, outside of long mode and in it.
const SYSTEM: [&str; 16] = [
    "Reserved",
    "TSS16-avl",
    "LDT",
    "TSS16-busy",
    "CallGate16",
    "TaskGate",
    "IntGate16",
    "TrapGate16",
    "Reserved",
    "TSS32-avl",
    "Reserved",
    "TSS32-busy",
    "CallGate32",
    "Reserved",
    "IntGate32",
    "TrapGate32",
];
const LONG_SYSTEM: [&str; 16] = [
    "<hiword>",
    "Reserved",
    "LDT",
    "Reserved",
    "Reserved",
    "Reserved",
    "Reserved",
    "Reserved",
    "Reserved",
    "TSS64-avl",
    "Reserved",
    "TSS64-busy",
    "CallGate64",
    "Reserved",
    "IntGate64",
    "TrapGate64",
];

fn print_segment(out: &mut dyn Write, mode: u32, name: &str, segment: &Segment) -> fmt::Result {
    let flags = segment.flags;
    write!(
        out,
        "{name:<3}={:04x} {} {:08x} {:08x}",
        segment.selector,
        digits(segment.base, mode & LONG_CODE != 0),
        segment.limit,
        flags & 0x00ff_ff00
    )?;
    if mode & PROTECTED == 0 || flags & IS_PRESENT == 0 {
        return writeln!(out);
    }
    write!(out, " DPL={} ", flags >> 13 & 3)?;
    let in_long_mode = mode & LONG != 0;
    let kind = (flags >> 8 & 15) as usize;
    if flags & IS_MEMORY == 0 {
        let names = if in_long_mode { LONG_SYSTEM } else { SYSTEM };
        return writeln!(out, "{}", names[kind]);
    }
    let letter = |bit: u32, letter: char| if flags >> bit & 1 == 1 { letter } else { '-' };
    let (kind, first, second) = if flags & IS_CODE != 0 {
        let kind = match (flags & IS_LONG != 0, flags & IS_WIDE != 0) {
            (true, _) => "CS64",
            (false, true) => "CS32",
            (false, false) => "CS16",
        };
        (kind, letter(10, 'C'), letter(9, 'R'))
    } else {
        let wide = flags & IS_WIDE != 0 || in_long_mode;
        (
            if wide { "DS  " } else { "DS16" },
            letter(10, 'E'),
            letter(9, 'W'),
        )
    };
    writeln!(out, "{kind} [{first}{second}{}]", letter(8, 'A'))
}
