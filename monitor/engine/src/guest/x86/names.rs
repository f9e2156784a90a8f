// SPDX-License-Identifier: GPL-2.0-or-later
//! The registers that expressions know by name, and their values.

use crate::format::sign::Sign as _;
use crate::guest::x86::cpu::Cpu;
use crate::host::Risk;

/// Which names a release has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Those of a table (target/i386/monitor.c).
    Table,
    /// Those of the gdb stub.
    Gdb,
}

/// General registers by number, in the table of old releases.
const TABLE: &[(&str, usize)] = &[
    ("eax", 0),
    ("ecx", 1),
    ("edx", 2),
    ("ebx", 3),
    ("esp", 4),
    ("sp", 4),
    ("ebp", 5),
    ("fp", 5),
    ("esi", 6),
    ("edi", 7),
];
const GDB_LONG: &[(&str, usize)] = &[
    ("rax", 0),
    ("rbx", 3),
    ("rcx", 1),
    ("rdx", 2),
    ("rsi", 6),
    ("rdi", 7),
    ("rbp", 5),
    ("rsp", 4),
];
const GDB_NARROW: &[(&str, usize)] = &[
    ("eax", 0),
    ("ebx", 3),
    ("ecx", 1),
    ("edx", 2),
    ("esi", 6),
    ("edi", 7),
    ("ebp", 5),
    ("esp", 4),
];
const UPPER: &[(&str, usize)] = &[
    ("r8", 8),
    ("r9", 9),
    ("r10", 10),
    ("r11", 11),
    ("r12", 12),
    ("r13", 13),
    ("r14", 14),
    ("r15", 15),
];
const SEGMENTS: &[(&str, usize)] = &[
    ("es", 0),
    ("cs", 1),
    ("ss", 2),
    ("ds", 3),
    ("fs", 4),
    ("gs", 5),
];
const CONTROL: &[(&str, usize)] = &[("cr0", 0), ("cr2", 2), ("cr3", 3), ("cr4", 4)];

/// Bases that the gdb stub has names of their own for.
const BASES: &[(&str, usize)] = &[("fs_base", 4), ("gs_base", 5)];

/// Registers that the gdb stub shows as 0 whatever they hold.
const ALWAYS_0: &[&str] = &["ftag", "fiseg", "fioff", "foseg", "fooff", "fop"];

/// Registers that only the whole state of the CPU holds.
const DEEP: &[&str] = &["cr8", "efer", "fctrl", "fstat"];

/// A register that nothing holds as it is: exceptions are kept elsewhere until they are asked for.
pub const UNREADABLE: &str = "mxcsr";

/// What only the whole state of the CPU holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deep {
    /// The task priority of the local APIC.
    pub priority: u8,
    /// EFER.
    pub efer: u64,
    /// The x87 control word.
    pub fpu_control: u16,
    /// The x87 status word.
    pub fpu_status: u16,
}

fn of(table: &[(&str, usize)], name: &str) -> Option<usize> {
    let found = table.iter().find(|(known, _)| *known == name);
    found.map(|(_, number)| *number)
}

fn general(style: Style, narrow: bool, name: &str) -> Option<usize> {
    let table = match (style, narrow) {
        (Style::Table, _) => TABLE,
        (Style::Gdb, false) => GDB_LONG,
        (Style::Gdb, true) => GDB_NARROW,
    };
    of(table, name).or_else(|| of(UPPER, name).filter(|_| !narrow))
}

/// A part of a segment register, by a name like `cs.limit`.
fn part(style: Style, name: &str) -> Option<(usize, &str)> {
    let (segment, part) = name.split_once('.').unwrap_or((name, ""));
    let known = matches!((style, part), (_, "" | "limit") | (Style::Table, "base"));
    of(SEGMENTS, segment)
        .filter(|_| known)
        .map(|number| (number, part))
}

/// What has to be risked to read a register; `None` for what is no register's name.
#[must_use]
pub fn risk(style: Style, narrow: bool, name: &str) -> Option<Risk> {
    let gdb = style == Style::Gdb;
    let ip = match style {
        Style::Table => "eip",
        Style::Gdb if narrow => "eip",
        Style::Gdb => "rip",
    };
    let noted = matches!(name, "pc" | "eflags")
        || name == ip
        || general(style, narrow, name).is_some()
        || part(style, name).is_some()
        || gdb
            && (of(CONTROL, name).is_some()
                || of(BASES, name).is_some()
                || ALWAYS_0.contains(&name)
                || name == "k_gs_base");
    if noted {
        return Some(Risk::Pausing);
    }
    (gdb && DEEP.contains(&name)).then_some(Risk::Risky)
}

/// Whether that is [`UNREADABLE`].
#[must_use]
pub fn is_unreadable(style: Style, name: &str) -> bool {
    style == Style::Gdb && name == UNREADABLE
}

/// All names, for lists.
pub fn listed(style: Style, narrow: bool) -> impl Iterator<Item = &'static str> {
    let general = match (style, narrow) {
        (Style::Table, _) => TABLE,
        (Style::Gdb, false) => GDB_LONG,
        (Style::Gdb, true) => GDB_NARROW,
    };
    let tables = [general, UPPER, SEGMENTS, CONTROL, BASES].into_iter();
    let names = tables.flatten().map(|(name, _)| *name);
    let single = ["eip", "rip", "eflags", "pc", "k_gs_base"];
    let names = names.chain(single).chain(ALWAYS_0.iter().copied());
    let names = names.chain(DEEP.iter().copied()).chain([UNREADABLE]);
    names.filter(move |name| risk(style, narrow, name).is_some() || is_unreadable(style, name))
}

/// A register's value, where this state has it.
#[must_use]
pub fn value(style: Style, cpu: &Cpu, deep: Option<&Deep>, name: &str) -> Option<i64> {
    match style {
        Style::Table => in_table(cpu, name),
        Style::Gdb => of_gdb(cpu, name).or_else(|| of_deep(deep?, name)),
    }
}

fn of_deep(deep: &Deep, name: &str) -> Option<i64> {
    Some(match name {
        "cr8" => (deep.priority >> 4).into(),
        "efer" => deep.efer.as_signed(),
        "fctrl" => deep.fpu_control.into(),
        "fstat" => deep.fpu_status.into(),
        _ => return None,
    })
}

fn signed(value: u64) -> i64 {
    i64::from(value as u32 as i32)
}

/// Registers are as wide as the build, be the name that of a half of one.
fn in_table(cpu: &Cpu, name: &str) -> Option<i64> {
    let wide = |value: u64| match cpu.narrow {
        true => signed(value),
        false => value.as_signed(),
    };
    if let Some(number) = general(Style::Table, cpu.narrow, name) {
        return Some(wide(cpu.general[number]));
    }
    if let Some((number, part)) = part(Style::Table, name) {
        let segment = &cpu.segments[number];
        return Some(match part {
            "" => signed(segment.selector.into()),
            "limit" => signed(segment.limit.into()),
            _ => wide(segment.base),
        });
    }
    Some(wide(match name {
        "eip" => cpu.ip,
        "eflags" => cpu.flags,
        "pc" => cpu.ip.wrapping_add(cpu.code().base),
        _ => return None,
    }))
}

/// Outside of code of 64 bits registers have 32.
fn of_gdb(cpu: &Cpu, name: &str) -> Option<i64> {
    let long = cpu.long_code();
    let cut = |value: u64| match long {
        true => value.as_signed(),
        false => i64::from(value as u32),
    };
    if let Some(number) = general(Style::Gdb, cpu.narrow, name) {
        return Some(match number {
            8.. if !long => 0,
            _ => cut(cpu.general[number]),
        });
    }
    if let Some((number, part)) = part(Style::Gdb, name) {
        let segment = &cpu.segments[number];
        return Some(match part {
            "" => segment.selector.into(),
            _ => signed(segment.limit.into()),
        });
    }
    if let Some(number) = of(CONTROL, name) {
        return Some(cut(cpu.control[number]));
    }
    if let Some(number) = of(BASES, name) {
        return Some(cut(cpu.segments[number].base));
    }
    if ALWAYS_0.contains(&name) {
        return Some(0);
    }
    let pc = cpu.ip.wrapping_add(cpu.code().base);
    Some(match name {
        "eip" | "rip" => cut(cpu.ip),
        "eflags" => i64::from(cpu.flags as u32),
        "k_gs_base" => cut(cpu.kernel_gs_base),
        "pc" if long => pc.as_signed(),
        "pc" => signed(pc),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::x86::cpu::LONG_CODE;

    #[test]
    fn names_by_release_and_build() {
        let known = |style, narrow, name| risk(style, narrow, name).is_some();
        for name in [
            "eax", "sp", "fp", "r8", "eip", "pc", "cs.base", "gs.limit", "eflags",
        ] {
            assert!(known(Style::Table, false, name), "{name}");
        }
        for name in [
            "rax",
            "rip",
            "cr3",
            "ax",
            "cs.selector",
            "EAX",
            "r16",
            "",
            "gdt",
        ] {
            assert!(!known(Style::Table, false, name), "{name}");
        }
        for name in [
            "rax", "rip", "cr3", "cs.limit", "fs_base", "pc", "cr8", "r15",
        ] {
            assert!(known(Style::Gdb, false, name), "{name}");
        }
        for name in ["eax", "eip", "sp", "cs.base", "xmm0", "st0", ""] {
            assert!(!known(Style::Gdb, false, name), "{name}");
        }
        assert!(known(Style::Gdb, true, "eax") && !known(Style::Gdb, true, "rax"));
        assert!(!known(Style::Table, true, "r8"));
        assert_eq!(risk(Style::Gdb, false, "efer"), Some(Risk::Risky));
        assert_eq!(risk(Style::Gdb, false, "cr3"), Some(Risk::Pausing));
        assert!(listed(Style::Table, false).any(|name| name == "sp"));
        assert!(listed(Style::Gdb, false).all(|name| name != "eax"));
    }

    #[test]
    fn values_are_cut_and_extended_as_the_builtin_does() {
        let mut cpu = Cpu {
            ip: 0xfff0,
            ..Cpu::default()
        };
        cpu.general[0] = 0x1_8000_0000;
        cpu.general[8] = 7;
        cpu.segments[1].base = 0xffff_0000;
        cpu.segments[1].limit = 0xffff_ffff;
        let table = |cpu: &Cpu, name| value(Style::Table, cpu, None, name);
        let gdb = |cpu: &Cpu, name| value(Style::Gdb, cpu, None, name);
        assert_eq!(table(&cpu, "eax"), Some(0x1_8000_0000));
        assert_eq!(table(&cpu, "pc"), Some(0xffff_fff0));
        assert_eq!(table(&cpu, "cs.limit"), Some(-1));
        assert_eq!(table(&cpu, "cs.base"), Some(0xffff_0000));
        assert_eq!(gdb(&cpu, "rax"), Some(0x8000_0000));
        assert_eq!(gdb(&cpu, "r8"), Some(0));
        assert_eq!(gdb(&cpu, "pc"), Some(-16));
        assert_eq!(gdb(&cpu, "fop"), Some(0));
        assert_eq!(gdb(&cpu, "efer"), None);
        cpu.long_mode = true;
        cpu.segments[1].flags = LONG_CODE;
        assert_eq!(gdb(&cpu, "rax"), Some(0x1_8000_0000));
        assert_eq!(
            (gdb(&cpu, "r8"), gdb(&cpu, "pc")),
            (Some(7), Some(0xffff_fff0))
        );
        cpu.narrow = true;
        assert_eq!(table(&cpu, "eax"), Some(-0x8000_0000));
        assert_eq!(table(&cpu, "r8"), None);
    }
}
