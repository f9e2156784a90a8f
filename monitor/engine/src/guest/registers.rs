// SPDX-License-Identifier: GPL-2.0-or-later
//! Names of the CPU registers that expressions know, by target and release. Values are not read
//! yet.

use crate::grammar::expr::{RegisterError, Registers};
use crate::qemu::caps::Caps;
use crate::qemu::missing;
use crate::qmp::version::{Version, v};

/// Which `$name` the connected QEMU knows.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    caps: &'a Caps,
}

/// The first release whose names are those of the gdb stub, on every target (11.1, seen: on 11.1.3;
/// the sources of 10.2 have tables).
const GDB_NAMES: Version = v(11, 1);

/// The first release with a table of names for RISC-V (10.2, commit e06d209aa6 of QEMU).
const RISCV_NAMES: Version = v(10, 2);

impl<'a> Names<'a> {
    /// The names that a QEMU with these capabilities knows.
    #[must_use]
    pub fn new(caps: &'a Caps) -> Self {
        Self { caps }
    }

    fn known(&self, name: &str) -> bool {
        let x86 = matches!(self.caps.arch.as_deref(), Some("x86_64" | "i386"));
        if self.caps.version >= GDB_NAMES {
            return !name.is_empty() && (!x86 || is_x86_gdb(name));
        }
        match self.caps.arch.as_deref() {
            Some("x86_64" | "i386") => is_x86(name),
            // Tables of names exist for these (target/*/monitor.c).
            Some("ppc" | "ppc64" | "sparc" | "sparc64" | "m68k") => !name.is_empty(),
            Some("riscv32" | "riscv64") => !name.is_empty() && self.caps.version >= RISCV_NAMES,
            _ => false,
        }
    }
}

impl Registers for Names<'_> {
    fn get(&self, name: &str) -> Result<i64, RegisterError> {
        Err(if self.known(name) {
            RegisterError::Unavailable(missing::QUERY_REGISTERS.why)
        } else {
            RegisterError::Unknown
        })
    }
}

/// The names that are known one by one, for lists; none for targets whose names only QEMU knows.
pub fn listed(caps: &Caps) -> impl Iterator<Item = &'static str> {
    let x86 = matches!(caps.arch.as_deref(), Some("x86_64" | "i386"));
    let general = match caps.version >= GDB_NAMES {
        true => X86_GDB,
        false => X86_GENERAL,
    };
    let names = general.iter().chain(X86_SEGMENTS).filter(move |_| x86);
    names.copied()
}

const X86_GENERAL: &[&str] = &[
    "eax", "ecx", "edx", "ebx", "esp", "sp", "ebp", "fp", "esi", "edi", "eflags", "eip", "pc",
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
];
const X86_SEGMENTS: &[&str] = &["cs", "ds", "es", "ss", "fs", "gs"];

/// target/i386/monitor.c up to 10.2.
fn is_x86(name: &str) -> bool {
    let segment = name
        .strip_suffix(".limit")
        .or_else(|| name.strip_suffix(".base"))
        .unwrap_or(name);
    X86_GENERAL.contains(&name) || X86_SEGMENTS.contains(&segment)
}

const X86_GDB: &[&str] = &[
    "rax",
    "rbx",
    "rcx",
    "rdx",
    "rsi",
    "rdi",
    "rbp",
    "rsp",
    "rip",
    "r8",
    "r9",
    "r10",
    "r11",
    "r12",
    "r13",
    "r14",
    "r15",
    "eax",
    "ebx",
    "ecx",
    "edx",
    "esi",
    "edi",
    "ebp",
    "esp",
    "eip",
    "eflags",
    "fs_base",
    "gs_base",
    "k_gs_base",
    "cr0",
    "cr2",
    "cr3",
    "cr4",
    "cr8",
    "efer",
    "fctrl",
    "fstat",
    "ftag",
    "fiseg",
    "fioff",
    "foseg",
    "fooff",
    "fop",
    "mxcsr",
    "pc",
];

fn is_x86_gdb(name: &str) -> bool {
    let segment = name.strip_suffix(".limit").unwrap_or(name);
    X86_GDB.contains(&name) || X86_SEGMENTS.contains(&segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(version: Version, arch: &str, name: &str) -> bool {
        let caps = Caps::from_parts(version, Some(arch), [""; 0]);
        Names::new(&caps).known(name)
    }

    #[test]
    fn names_changed_with_11() {
        assert!(known(v(10, 0), "x86_64", "eax") && known(v(10, 0), "x86_64", "cs.base"));
        assert!(!known(v(10, 0), "x86_64", "rax") && !known(v(10, 0), "x86_64", ""));
        assert!(known(v(11, 1), "x86_64", "rax") && !known(v(11, 1), "x86_64", "cs.base"));
        assert!(!known(v(10, 0), "aarch64", "pc") && known(v(11, 1), "aarch64", "pc"));
    }
}
