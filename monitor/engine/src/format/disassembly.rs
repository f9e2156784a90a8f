// SPDX-License-Identifier: GPL-2.0-or-later
//! Instructions as format `i` prints them: which bytes make one up, how its line looks, and what
//! has to be read for it.
//!
//! What follows from the bytes alone is here. Which [`Mode`] a CPU is in is for the caller to know:
//! most targets have several, and only registers tell which. A mode more is a row in `Mode::look`,
//! `Mode::undecoded` and the decoder.

use std::fmt::{self, Write};

/// What instructions bytes are taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Arm's 64-bit instructions.
    A64,
    /// Arm's instructions of 32 bits, of the architecture's version 8.
    A32,
    /// Those of 16 and 32 bits (Thumb), of the same version.
    T32,
    /// Arm's instructions of 32 bits, of versions before 8.
    OldA32,
    /// Thumb of those versions.
    OldT32,
    /// PowerPC's, of 64 bits, the first byte the highest.
    PpcBig,
    /// The same, the first byte the lowest.
    PpcLittle,
    /// Those of s390x.
    S390x,
    /// x86's, in segments of 16 bits.
    X86Of16,
    /// In segments of 32 bits.
    X86Of32,
    /// Of 64 bits.
    X86Of64,
}

/// How the bytes of an instruction are shown (disas/capstone.c and each target's disas_set_info).
struct Look {
    /// Bytes that make up one number.
    unit: usize,
    /// Bytes on the line of the mnemonic; more than these have lines of their own.
    split: usize,
    big_endian: bool,
}

impl Mode {
    fn look(self) -> Look {
        let (unit, split, big_endian) = match self {
            Self::A64 | Self::A32 | Self::OldA32 | Self::PpcLittle => (4, 4, false),
            Self::T32 | Self::OldT32 => (2, 4, false),
            Self::PpcBig => (4, 4, true),
            Self::S390x => (2, 6, true),
            Self::X86Of16 | Self::X86Of32 | Self::X86Of64 => (1, 8, false),
        };
        Look {
            unit,
            split,
            big_endian,
        }
    }

    /// How many bytes are shown as such where they are no instruction; the first of them is there.
    fn undecoded(self, bytes: &[u8]) -> usize {
        match self {
            Self::A64 | Self::A32 | Self::OldA32 | Self::PpcBig | Self::PpcLittle => 4,
            Self::T32 | Self::OldT32 => 2,
            Self::X86Of16 | Self::X86Of32 | Self::X86Of64 => 1,
            // The two high bits of every instruction tell its length.
            Self::S390x => match bytes.first().map_or(0, |first| first >> 6) {
                0 => 2,
                1 | 2 => 4,
                _ => 6,
            },
        }
    }

    /// Bytes of the longest instruction.
    fn longest(self) -> usize {
        match self {
            Self::X86Of16 | Self::X86Of32 | Self::X86Of64 => 15,
            _ => self.look().split,
        }
    }

    /// Whether it is Thumb.
    fn is_thumb(self) -> bool {
        matches!(self, Self::T32 | Self::OldT32)
    }
}

/// Bytes that QEMU gathers for one instruction, at most.
const MOST: usize = 32;

/// Reads end here, so that they do not go on into a page that is not there.
const BOUNDARY: u64 = 1024;

/// A piece of memory.
#[derive(Clone, Debug, Default)]
pub struct Piece {
    /// Where it starts.
    pub start: u64,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl Piece {
    fn get(&self, address: u64, size: usize) -> Option<&[u8]> {
        let start = usize::try_from(address.wrapping_sub(self.start)).ok()?;
        self.bytes.get(start..start.checked_add(size)?)
    }
}

/// What a listing needs to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing: it is complete.
    Done,
    /// `size` bytes at `address`, all of them; where they can't be read, the listing ends with
    /// [`unreadable`](Listing::unreadable).
    Read {
        /// Where.
        address: u64,
        /// How many.
        size: usize,
    },
}

/// Lines of one instruction each, in the making.
#[derive(Clone, Debug)]
pub struct Listing {
    mode: Mode,
    /// Of the next instruction.
    address: u64,
    left: u64,
    /// What was read of it and not shown yet: the built-in asks for a bit more than an instruction
    /// needs, and never twice for the same bytes.
    read: Vec<u8>,
    block: Block,
}

/// Instructions of T32 that depend on the condition of one before them (IT): they are decoded behind
/// it.
#[derive(Clone, Debug, Default)]
struct Block {
    /// From the one with the condition on.
    bytes: Vec<u8>,
    /// How many those are.
    done: usize,
    /// How many are to come.
    left: u32,
}

impl Block {
    /// Takes an instruction that was shown.
    fn take(&mut self, instruction: &[u8]) {
        let conditional = match instruction {
            // None for a hint: where the lowest bit is that is set says how many.
            &[condition, 0xbf] => 4u32.saturating_sub((condition & 15).trailing_zeros()),
            _ => 0,
        };
        match (self.left, conditional) {
            (0, 0) => return,
            (0, left) => {
                *self = Self {
                    left,
                    ..Self::default()
                }
            }
            (_, 0) => self.left -= 1,
            // One among the others does not count, nor begin.
            _ => {}
        }
        self.bytes.extend_from_slice(instruction);
        self.done += 1;
    }
}

impl Listing {
    /// `count` instructions from `address` on; at least one.
    #[must_use]
    pub fn new(mode: Mode, address: u64, count: i32) -> Self {
        Self {
            mode,
            address,
            left: u64::try_from(count).unwrap_or(0).max(1),
            read: Vec::new(),
            block: Block::default(),
        }
    }

    /// Bytes behind the next read that this listing can use at most.
    #[must_use]
    pub fn useful(&self) -> u64 {
        self.left * self.mode.longest() as u64 + MOST as u64
    }

    /// Writes lines as long as what they need is in `piece`. `None` where this build can't decode
    /// the mode.
    pub fn run(&mut self, piece: &Piece, out: &mut dyn Write) -> Option<Result<Step, fmt::Error>> {
        let decode = decoder(self.mode)?;
        Some(self.run_with(&*decode, piece, out))
    }

    fn run_with(
        &mut self,
        decode: &Decode,
        piece: &Piece,
        out: &mut dyn Write,
    ) -> Result<Step, fmt::Error> {
        while self.left > 0 {
            let (address, size) = self.wanted();
            let Some(bytes) = piece.get(address, size) else {
                return Ok(Step::Read { address, size });
            };
            self.read.extend_from_slice(bytes);
            let Some((length, text)) = self.next(decode) else {
                continue;
            };
            self.line(out, length, &text)?;
            if self.mode.is_thumb() {
                self.block.take(&self.read[..length]);
            }
            self.read.drain(..length);
            self.address = self.address.wrapping_add(length as u64);
            self.left -= 1;
        }
        Ok(Step::Done)
    }

    /// Where and how much the built-in reads next. The boundary counts from the instruction, not
    /// from where the read starts, as in cap_disas_monitor.
    fn wanted(&self) -> (u64, usize) {
        let address = self.address.wrapping_add(self.read.len() as u64);
        let next = (address / BOUNDARY).wrapping_add(1).wrapping_mul(BOUNDARY);
        let before = next.wrapping_sub(self.address);
        let most = MOST.saturating_sub(self.read.len());
        (address, most.min(usize::try_from(before).unwrap_or(most)))
    }

    /// The next instruction's length and text; `None` where too little of it is there.
    fn next(&self, decode: &Decode) -> Option<(usize, String)> {
        let decoded = if self.block.left > 0 {
            let before = &self.block.bytes;
            let address = self.address.wrapping_sub(before.len() as u64);
            decode(&[before, &self.read[..]].concat(), address, self.block.done)
        } else {
            decode(&self.read, self.address, 0)
        };
        if decoded.is_some() {
            return decoded;
        }
        let length = self.mode.undecoded(&self.read);
        let bytes = self.read.get(..length)?;
        let bytes: Vec<_> = bytes.iter().map(|byte| format!("0x{byte:02x}")).collect();
        Some((length, text(".byte", &bytes.join(", "))))
    }

    fn line(&self, out: &mut dyn Write, length: usize, text: &str) -> fmt::Result {
        let look = self.mode.look();
        let bytes = &self.read[..length];
        for (number, part) in bytes.chunks(look.split).enumerate() {
            let address = self.address.wrapping_add((number * look.split) as u64);
            write!(out, "0x{address:08x}: ")?;
            for unit in part.chunks(look.unit) {
                out.write_char(' ')?;
                let byte = |byte: &u8| write!(out, "{byte:02x}");
                if look.big_endian {
                    unit.iter().try_for_each(byte)?;
                } else {
                    unit.iter().rev().try_for_each(byte)?;
                }
            }
            if number == 0 {
                let missing = look.split.saturating_sub(part.len()) / look.unit;
                write!(out, "{:1$}  {text}", "", missing * (2 * look.unit + 1))?;
            }
            out.write_char('\n')?;
        }
        Ok(())
    }

    /// The last line where what a step asked for can't be read.
    pub fn unreadable(&self, out: &mut dyn Write) -> fmt::Result {
        writeln!(out, "0x{:08x}: unable to read memory", self.address)
    }
}

fn text(mnemonic: &str, operands: &str) -> String {
    format!("{mnemonic:8} {operands}")
}

/// Length and text of an instruction in bytes that lie at an address, behind so many others, if there
/// is one.
type Decode = dyn Fn(&[u8], u64, usize) -> Option<(usize, String)>;

/// What decodes instructions; `None` where this build can't.
fn decoder(mode: Mode) -> Option<Box<Decode>> {
    #[cfg(feature = "disassembly")]
    let decoder = with_capstone::decoder(mode);
    #[cfg(not(feature = "disassembly"))]
    let (decoder, _) = (None, mode);
    decoder
}

#[cfg(feature = "disassembly")]
mod with_capstone {
    use capstone::{Arch, Capstone, Endian, ExtraMode, Syntax};

    use super::{Decode, Mode, text};

    pub fn decoder(mode: Mode) -> Option<Box<Decode>> {
        let (arch, words, endian) = match mode {
            Mode::A64 => (Arch::ARM64, capstone::Mode::Arm, Endian::Little),
            Mode::A32 | Mode::OldA32 => (Arch::ARM, capstone::Mode::Arm, Endian::Little),
            Mode::T32 | Mode::OldT32 => (Arch::ARM, capstone::Mode::Thumb, Endian::Little),
            Mode::PpcBig => (Arch::PPC, capstone::Mode::Mode64, Endian::Big),
            Mode::PpcLittle => (Arch::PPC, capstone::Mode::Mode64, Endian::Little),
            Mode::S390x => (Arch::SYSZ, capstone::Mode::Default, Endian::Big),
            Mode::X86Of16 => (Arch::X86, capstone::Mode::Mode16, Endian::Little),
            Mode::X86Of32 => (Arch::X86, capstone::Mode::Mode32, Endian::Little),
            Mode::X86Of64 => (Arch::X86, capstone::Mode::Mode64, Endian::Little),
        };
        let v8 = matches!(mode, Mode::A32 | Mode::T32);
        let extra = v8.then_some(ExtraMode::V8).into_iter();
        let mut capstone = Capstone::new_raw(arch, words, extra, Some(endian)).ok()?;
        if arch == Arch::X86 {
            capstone.set_syntax(Syntax::Att).ok()?;
        }
        Some(Box::new(move |bytes, address, behind| {
            let found = capstone.disasm_count(bytes, address, behind + 1).ok()?;
            let found = found.get(behind)?;
            let length = Some(found.len()).filter(|length| (1..=bytes.len()).contains(length))?;
            let mnemonic = found.mnemonic().unwrap_or_default();
            Some((length, text(mnemonic, found.op_str().unwrap_or_default())))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(mode: Mode, address: u64, count: i32, bytes: &[u8]) -> (String, Step) {
        let mut text = String::new();
        let piece = Piece {
            start: address,
            bytes: bytes.to_vec(),
        };
        let mut listing = Listing::new(mode, address, count);
        let step = listing.run(&piece, &mut text).unwrap().unwrap();
        (text, step)
    }

    // Lines of 11.1.3.
    #[cfg(feature = "disassembly")]
    /// Those behind IT have its condition, as many as it says.
    #[cfg(feature = "disassembly")]
    #[test]
    fn instructions_behind_a_condition() {
        let code = [
            0x0c, 0xbf, 0x40, 0x18, 0x40, 0x18, 0x40, 0x18, 0x00, 0xbf, 0x40, 0x18,
        ];
        let mut bytes = code.to_vec();
        bytes.resize(64, 0);
        let (text, _) = listing(Mode::T32, 0, 6, &bytes);
        let shown: Vec<&str> = text
            .lines()
            .filter_map(|line| line.split_ascii_whitespace().nth(2))
            .collect();
        assert_eq!(
            shown,
            ["ite", "addeq", "addne", "adds", "nop", "adds"],
            "{text}"
        );
    }

    #[test]
    fn a64() {
        let mut bytes = [0xd503_201f_u32, 0xa9bf_7bfd, 0x9400_0010, 0xffff_ffff]
            .map(u32::to_le_bytes)
            .concat();
        bytes.resize(64, 0);
        let (text, step) = listing(Mode::A64, 0x4010_0000, 4, &bytes);
        assert_eq!(
            text,
            "0x40100000:  d503201f  nop      \n\
             0x40100004:  a9bf7bfd  stp      x29, x30, [sp, #-0x10]!\n\
             0x40100008:  94000010  bl       #0x40100048\n\
             0x4010000c:  ffffffff  .byte    0xff, 0xff, 0xff, 0xff\n"
        );
        assert_eq!(step, Step::Done);
    }

    // Lines of 11.1.3.
    #[cfg(feature = "disassembly")]
    #[test]
    fn x86() {
        let bytes = [0x66, 0xb8, 0x88, 0x77, 0x66, 0x55, 0x0f, 0x20, 0xc0, 0x06];
        let bytes = [&bytes[..], &[0x90; 40]].concat();
        let (text, _) = listing(Mode::X86Of16, 0xffff_0000, 2, &bytes);
        assert_eq!(
            text,
            "0xffff0000:  66 b8 88 77 66 55        movl     $0x55667788, %eax\n\
             0xffff0006:  0f 20 c0                 movl     %cr0, %eax\n"
        );
        let (text, _) = listing(Mode::X86Of64, 0x1009, 2, &bytes[9..]);
        assert_eq!(
            text,
            "0x00001009:  06                       .byte    0x06\n\
             0x0000100a:  90                       nop      \n"
        );
        let (text, _) = listing(Mode::X86Of32, 0x1009, 1, &bytes[9..]);
        assert_eq!(text, "0x00001009:  06                       pushl    %es\n");
    }

    // Lines of 10.0.2.
    #[cfg(feature = "disassembly")]
    #[test]
    fn s390x() {
        let bytes = [
            0x07, 0x07, 0xa7, 0xf4, 0x00, 0x10, 0xeb, 0xbf, 0xf0, 0x58, 0x00, 0x24, 0x00, 0x00,
            0x42, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        ];
        let bytes = [&bytes[..], &[0; 40]].concat();
        let (text, step) = listing(Mode::S390x, 0x2000, 6, &bytes);
        assert_eq!(
            text,
            "0x00002000:  0707            bcr      0, %r7\n\
             0x00002002:  a7f4 0010       j        0x2022\n\
             0x00002006:  ebbf f058 0024  stmg     %r11, %r15, 0x58(%r15)\n\
             0x0000200c:  0000            .byte    0x00, 0x00\n\
             0x0000200e:  4200 0000       stc      %r0, 0\n\
             0x00002012:  ffff ffff ffff  .byte    0xff, 0xff, 0xff, 0xff, 0xff, 0xff\n"
        );
        assert_eq!(step, Step::Done);
    }

    // Lines of 10.0.2, of bytes of which the first says how many an instruction has.
    #[cfg(feature = "disassembly")]
    #[test]
    fn what_is_no_instruction_has_the_length_of_one() {
        let bytes = [0x52, 0, 0, 0, 0x82, 0xff, 0xff, 0xff, 0, 0];
        let bytes = [&bytes[..], &[0; 40]].concat();
        let (text, _) = listing(Mode::S390x, 0x2000, 3, &bytes);
        assert_eq!(
            text,
            "0x00002000:  5200 0000       .byte    0x52, 0x00, 0x00, 0x00\n\
             0x00002004:  82ff ffff       .byte    0x82, 0xff, 0xff, 0xff\n\
             0x00002008:  0000            .byte    0x00, 0x00\n"
        );
    }

    #[cfg(feature = "disassembly")]
    #[test]
    fn ppc64_of_either_order() {
        let words = [0x3860_0001_u32, 0x4e80_0020, 0];
        for (mode, bytes) in [
            (Mode::PpcBig, words.map(u32::to_be_bytes).concat()),
            (Mode::PpcLittle, words.map(u32::to_le_bytes).concat()),
        ] {
            let bytes = [&bytes[..], &[0; 40]].concat();
            let (text, _) = listing(mode, 0x100, 3, &bytes);
            assert_eq!(
                text,
                "0x00000100:  38600001  li       r3, 1\n\
                 0x00000104:  4e800020  blr      \n\
                 0x00000108:  00000000  .byte    0x00, 0x00, 0x00, 0x00\n"
            );
        }
    }

    /// Instructions that came with version 8 are none before.
    #[cfg(feature = "disassembly")]
    #[test]
    fn arm_before_version_8() {
        // crc32b r0, r1, r2
        let bytes = [&0xe101_0042_u32.to_le_bytes()[..], &[0; 40]].concat();
        let (text, _) = listing(Mode::A32, 0x100, 1, &bytes);
        assert_eq!(text, "0x00000100:  e1010042  crc32b   r0, r1, r2\n");
        let (text, _) = listing(Mode::OldA32, 0x100, 1, &bytes);
        assert_eq!(
            text,
            "0x00000100:  e1010042  .byte    0x42, 0x00, 0x01, 0xe1\n"
        );
    }

    #[test]
    fn longer_instructions_go_on_below() {
        let mut listing = Listing::new(Mode::A64, 0x1000, 1);
        listing.read = (1..=8).collect();
        let mut out = String::new();
        listing.line(&mut out, 8, "x").unwrap();
        assert_eq!(out, "0x00001000:  04030201  x\n0x00001004:  08070605\n");
    }

    #[test]
    fn reads_end_at_a_boundary_that_counts_from_the_instruction() {
        let mut listing = Listing::new(Mode::S390x, 0x13f0, 0);
        assert_eq!((listing.left, listing.wanted()), (1, (0x13f0, 16)));
        listing.read = vec![0; 14];
        assert_eq!(listing.wanted(), (0x13fe, 16));
        listing.read = vec![0; 20];
        assert_eq!(listing.wanted(), (0x1404, 12));
        let end = Listing::new(Mode::S390x, u64::MAX - 1, 1);
        assert_eq!(end.wanted(), (u64::MAX - 1, 2));
    }

    #[cfg(feature = "disassembly")]
    #[test]
    fn what_is_missing_is_asked_for() {
        let (text, step) = listing(Mode::S390x, 0x1000, 3, &[0; 40]);
        assert_eq!(text.lines().count(), 3);
        assert_eq!(step, Step::Done);
        let (text, step) = listing(Mode::S390x, 0x1000, 9, &[0; 40]);
        assert_eq!(text.lines().count(), 5);
        // Of the first 32 bytes 22 are left, and 10 and four times 2 were read since.
        assert_eq!(
            step,
            Step::Read {
                address: 0x1028,
                size: 2
            }
        );
    }

    #[cfg(not(feature = "disassembly"))]
    #[test]
    fn nothing_is_decoded() {
        assert!(
            Listing::new(Mode::A64, 0, 1)
                .run(&Piece::default(), &mut String::new())
                .is_none()
        );
    }
}
