// SPDX-License-Identifier: GPL-2.0-or-later
//! What is known of a CPU's state.

/// Bits of CR0.
pub const PROTECTED: u64 = 1;
/// Paging is on.
pub const PAGING: u64 = 1 << 31;
/// Bits of CR4: 4 MiB pages, entries of 8 bytes, five levels.
pub const LARGE_PAGES: u64 = 1 << 4;
/// Entries of 8 bytes.
pub const EXTENDED: u64 = 1 << 5;
/// Five levels.
pub const FIVE_LEVELS: u64 = 1 << 12;

/// Bits of a segment's flags, as QEMU keeps them: those of a descriptor's second word.
pub const LONG_CODE: u32 = 1 << 21;
/// Of 32 bits.
pub const WIDE_CODE: u32 = 1 << 22;

/// A segment register, or one that points to a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// What a program sees of it.
    pub selector: u32,
    /// Where it starts.
    pub base: u64,
    /// Its last byte.
    pub limit: u32,
    /// The second word of its descriptor, base and limit left out.
    pub flags: u32,
}

/// What the notes of a dump hold of a CPU, and the state of its device too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// Whether QEMU was built for 32 bits.
    pub narrow: bool,
    /// In the order of their numbers: AX, CX, DX, BX, SP, BP, SI, DI, R8 to R15.
    pub general: [u64; 16],
    /// The instruction pointer.
    pub ip: u64,
    /// The flags.
    pub flags: u64,
    /// ES, CS, SS, DS, FS, GS.
    pub segments: [Segment; 6],
    /// The local descriptor table.
    pub ldt: Segment,
    /// The task.
    pub task: Segment,
    /// The global descriptor table.
    pub gdt: Segment,
    /// The interrupt descriptor table.
    pub idt: Segment,
    /// CR0 to CR4; there is no CR1.
    pub control: [u64; 5],
    /// What SWAPGS exchanges.
    pub kernel_gs_base: u64,
    /// Whether it is in long mode, be it in a segment of 32 bits.
    pub long_mode: bool,
}

impl Cpu {
    /// The code segment.
    #[must_use]
    pub fn code(&self) -> &Segment {
        &self.segments[1]
    }

    /// Whether it executes code of 64 bits.
    #[must_use]
    pub fn long_code(&self) -> bool {
        self.long_mode && self.code().flags & LONG_CODE != 0
    }
}
