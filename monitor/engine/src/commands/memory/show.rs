// SPDX-License-Identifier: GPL-2.0-or-later
//! What `x` and `xp` share: arguments, layout, lines.

use std::fmt::Write;

use serde::Deserialize;

use crate::command::cx::{CmdError, Cx};
use crate::format::memory::Layout;
use crate::qmp::version::{Version, v};

/// Why the built-in monitor comes first: it knows the CPU's mode, and which instructions its
/// disassembler has.
///
/// QEMU 7.2 and 10.0 link capstone 4, 11.1 links 5, as we do; builds without any exist. QMP says
/// none of that.
const BUILTIN_IS_BETTER: &str = "format i: QMP does not tell how this QEMU decodes";

/// Arguments of `x` and `xp`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Show {
    pub(super) count: i32,
    pub(super) format: char,
    pub(super) size: i64,
    pub(super) addr: i64,
}

/// Bytes that are asked of QEMU at once: it stands still while it writes them.
pub(super) const CHUNK: u64 = 64 << 10;

/// Up to this many bytes, a range that does not start at a multiple of a line is read line by line:
/// what a device answers may depend on where and how long the read is.
pub(super) const LINE_BY_LINE: u64 = 4 << 10;

/// The first release with another look of addresses and octal numbers (11.0, commit 6ad593a75a of
/// QEMU; commit 8289e2528a: octal numbers; commit c029aa1024: narrow addresses).
pub(super) const NEW_LAYOUT: Version = v(11, 0);

/// Targets that store the high byte first.
pub(super) const BIG_ENDIAN: &[&str] = &[
    "hppa",
    "m68k",
    "microblaze",
    "mips",
    "mips64",
    "or1k",
    "ppc",
    "ppc64",
    "s390x",
    "sh4eb",
    "sparc",
    "sparc64",
    "xtensaeb",
];

/// Targets whose virtual addresses have 32 bits.
pub(super) const NARROW: &[&str] = &[
    "arm", "avr", "i386", "m68k", "mips", "mipsel", "or1k", "ppc", "riscv32", "rx", "sh4", "sh4eb",
    "sparc", "tricore", "xtensa", "xtensaeb",
];

impl Show {
    /// How items look; instructions are not for this route.
    pub(super) fn layout(&self, cx: &Cx<'_>) -> Result<Layout, CmdError> {
        if self.format == 'i' {
            return Err(CmdError::Unavailable(BUILTIN_IS_BETTER.into()));
        }
        Ok(self.items(cx))
    }

    /// How items of any other format than `i` look.
    pub(super) fn items(&self, cx: &Cx<'_>) -> Layout {
        Layout {
            letter: self.format,
            size: usize::try_from(self.size).unwrap_or(4),
            big_endian: is_one_of(cx, BIG_ENDIAN),
            zero_before_padding: cx.caps.version >= NEW_LAYOUT,
        }
    }

    /// The address as `x` reads it: old releases take a narrow one for a signed number of 32 bits.
    pub(super) fn virtual_start(&self, cx: &Cx<'_>) -> i64 {
        match is_one_of(cx, NARROW) && cx.caps.version < NEW_LAYOUT {
            true => i64::from(self.addr as i32),
            false => self.addr,
        }
    }

    /// How many bytes; the built-in counts them in 32 bits, signed.
    pub(super) fn bytes(&self) -> u64 {
        u64::try_from(self.count.wrapping_mul(self.size as i32)).unwrap_or(0)
    }
}

pub(super) fn is_one_of(cx: &Cx<'_>, targets: &[&str]) -> bool {
    cx.caps
        .arch
        .as_deref()
        .is_some_and(|arch| targets.contains(&arch))
}

/// How many bytes are read at once.
pub(super) fn chunk(start: u64, bytes: u64, line: u64) -> u64 {
    if start % line == 0 || bytes > LINE_BY_LINE {
        CHUNK
    } else {
        line
    }
}

/// Prints the lines of one read, in one piece: where text goes may do much for each.
pub(super) fn print_lines(
    out: &mut dyn Write,
    layout: &Layout,
    start: u64,
    bytes: &[u8],
    shown: impl Fn(u64) -> String,
) -> std::fmt::Result {
    let mut text = String::new();
    let lines = bytes.chunks(layout.line());
    for (number, items) in lines.enumerate() {
        let address = start.wrapping_add((number * layout.line()) as u64);
        text.push_str(&shown(address));
        layout.items(&mut text, items)?;
    }
    out.write_str(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts what it is given.
    #[derive(Default)]
    struct Pieces(Vec<String>);

    impl Write for Pieces {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            self.0.push(text.to_owned());
            Ok(())
        }
    }

    #[test]
    fn a_read_is_one_piece_of_text() {
        let layout = Layout {
            letter: 'x',
            size: 8,
            big_endian: false,
            zero_before_padding: false,
        };
        let mut out = Pieces::default();
        let shown = |address| format!("{address:x}:");
        print_lines(&mut out, &layout, 0x10, &[0; 24], shown).unwrap();
        let zero = "0x0000000000000000";
        assert_eq!(out.0, [format!("10: {zero} {zero}\n20: {zero}\n")]);
    }

    #[test]
    fn sizes_are_counted_in_32_bits() {
        let bytes = |count, size| {
            let (format, addr) = ('x', 0);
            Show {
                count,
                format,
                size,
                addr,
            }
            .bytes()
        };
        assert_eq!(bytes(3, 4), 12);
        assert_eq!(bytes(i32::MAX, 8), 0);
        assert_eq!(bytes(-1, 4), 0);
        assert_eq!(bytes(0x2000_0001, 8), 8);
    }

    #[test]
    fn little_that_starts_within_a_line_is_read_line_by_line() {
        assert_eq!(chunk(8, 4096, 16), 16);
        assert_eq!(chunk(8, 4096, 8), 64 << 10);
        assert_eq!(chunk(8, 4097, 16), 64 << 10);
        assert_eq!(chunk(32, 4096, 16), 64 << 10);
    }
}
