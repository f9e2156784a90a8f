//! Guest memory: writing ranges of it into files, showing it, its checksum.

pub mod dump;
pub mod info;
pub mod info_mtree;
mod instructions;
mod physical;

use std::fmt::Write;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::format::memory::Layout;
use crate::guest::memory::{ReadError, Reader, Saved};
use crate::qmp::QmpError;
use crate::qmp::version::{Version, v};
pub use physical::{show_physical, show_physical_anyway};

/// Arguments of `memsave` and `pmemsave`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Save {
    val: i64,
    size: i64,
    filename: String,
}

impl Save {
    // QMP takes an address of 2^63 and more as a negative number on every release.
    fn request(&self) -> Value {
        json!({"val": self.val, "size": self.size, "filename": self.filename})
    }
}

/// `memsave`: virtual memory of the current CPU.
pub async fn memsave(cx: &mut Cx<'_>, args: Save) -> CmdResult {
    let mut request = args.request();
    if let Some(cpu) = cx.session.cpu {
        request["cpu-index"] = cpu.into();
    }
    match cx.execute("memsave", request).await {
        Err(CmdError::Qmp(QmpError::Command { desc, .. })) if desc.contains("'cpu-index'") => {}
        other => return other.map(drop),
    }
    // The chosen CPU is gone: the first one takes its place, if there is one.
    if cx.session.cpu.take().is_some() {
        match cx.execute("memsave", args.request()).await {
            Err(CmdError::Qmp(QmpError::Command { desc, .. })) if desc.contains("'cpu-index'") => {}
            other => return other.map(drop),
        }
    }
    Err(CmdError::Plain("No CPU available".into()))
}

/// `pmemsave`: physical memory.
pub async fn pmemsave(cx: &mut Cx<'_>, args: Save) -> CmdResult {
    cx.execute("pmemsave", args.request()).await?;
    Ok(())
}

/// Arguments of `x` and `xp`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Show {
    count: i32,
    format: char,
    size: i64,
    addr: i64,
}

/// Bytes that are asked of QEMU at once: it stands still while it writes them.
const CHUNK: u64 = 64 << 10;

/// Up to this many bytes, a range that does not start at a multiple of a line is read line by line: what a device
/// answers may depend on where and how long the read is.
const LINE_BY_LINE: u64 = 4 << 10;

/// The release that changed how octal numbers and addresses look.
const NEW_LAYOUT: Version = v(11, 0);

/// Targets that store the high byte first.
const BIG_ENDIAN: &[&str] = &[
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
const NARROW: &[&str] = &[
    "arm", "avr", "i386", "m68k", "mips", "mipsel", "or1k", "ppc", "riscv32", "rx", "sh4", "sh4eb",
    "sparc", "tricore", "xtensa", "xtensaeb",
];

impl Show {
    fn layout(&self, cx: &Cx<'_>) -> Result<Layout, CmdError> {
        if self.format == 'i' {
            return Err(CmdError::Unavailable(
                instructions::BUILTIN_IS_BETTER.into(),
            ));
        }
        Ok(Layout {
            letter: self.format,
            size: usize::try_from(self.size).unwrap_or(4),
            big_endian: is_one_of(cx, BIG_ENDIAN),
            zero_before_padding: cx.caps.version >= NEW_LAYOUT,
        })
    }

    /// How many bytes; the built-in counts them in 32 bits, signed.
    fn bytes(&self) -> u64 {
        u64::try_from(self.count.wrapping_mul(self.size as i32)).unwrap_or(0)
    }
}

fn is_one_of(cx: &Cx<'_>, targets: &[&str]) -> bool {
    cx.caps
        .arch
        .as_deref()
        .is_some_and(|arch| targets.contains(&arch))
}

/// `x`: virtual memory, line by line up to the first that can't be read.
pub async fn show_virtual(cx: &mut Cx<'_>, args: Show) -> CmdResult {
    let layout = args.layout(cx)?;
    let narrow = is_one_of(cx, NARROW);
    // Old releases read a narrow address as a signed number of 32 bits.
    let cut = narrow && cx.caps.version < NEW_LAYOUT;
    let start = if cut {
        i64::from(args.addr as i32)
    } else {
        args.addr
    };
    let shown = |address: u64| match (narrow, cut) {
        (true, true) => format!("{:08x}:", address as u32),
        (true, false) => format!("{address:08x}:"),
        (false, _) => format!("{address:016x}:"),
    };
    let reader = Reader::open(cx.qmp(), cx.host, cx.allow).await?;
    let result = lines(
        cx,
        &reader,
        &layout,
        start.cast_unsigned(),
        args.bytes(),
        shown,
    )
    .await;
    reader.close(result).await
}

/// `x` with our own disassembler too.
pub async fn show_virtual_anyway(cx: &mut Cx<'_>, args: Show) -> CmdResult {
    if args.format == 'i' {
        return instructions::show_virtual(cx, args).await;
    }
    show_virtual(cx, args).await
}

async fn lines(
    cx: &mut Cx<'_>,
    reader: &Reader<'_>,
    layout: &Layout,
    start: u64,
    bytes: u64,
    shown: impl Fn(u64) -> String,
) -> CmdResult {
    let mut done = 0;
    let line = layout.line() as u64;
    // How much is tried at once; after a failure, one line.
    let mut chunk = chunk(start, bytes, line);
    if bytes == 0 {
        return check_cpu(reader).await;
    }
    while done < bytes {
        let address = start.wrapping_add(done);
        let size = chunk.min(bytes - done);
        let (content, broken) = match reader.virtual_memory(address, size, cx.session.cpu).await? {
            Saved::All(content) => (content, false),
            Saved::Part(content) => (content, true),
            // The chosen CPU is gone: the first one takes its place, if there is one.
            Saved::NoCpu if cx.session.cpu.take().is_some() => continue,
            Saved::NoCpu => return Err(CmdError::Plain("Can not dump without CPU".into())),
        };
        // Of a part only whole lines count: the next one is tried alone.
        let whole = if broken {
            content.len() as u64 / line * line
        } else {
            size
        };
        let shown_part = content.len().min(whole as usize);
        print_lines(cx, layout, address, &content[..shown_part], &shown)?;
        done += whole;
        if broken && whole == 0 && size <= line {
            cx.write_str(&shown(address))?;
            writeln!(cx, " Cannot access memory")?;
            return Ok(());
        }
        if broken {
            chunk = line;
        }
    }
    Ok(())
}

/// Nothing to show still needs a CPU.
async fn check_cpu(reader: &Reader<'_>) -> CmdResult {
    match reader.virtual_memory(0, 0, None).await? {
        Saved::NoCpu => Err(CmdError::Plain("Can not dump without CPU".into())),
        _ => Ok(()),
    }
}

/// How many bytes are read at once.
fn chunk(start: u64, bytes: u64, line: u64) -> u64 {
    if start.is_multiple_of(line) || bytes > LINE_BY_LINE {
        CHUNK
    } else {
        line
    }
}

fn print_lines(
    out: &mut dyn Write,
    layout: &Layout,
    start: u64,
    bytes: &[u8],
    shown: impl Fn(u64) -> String,
) -> std::fmt::Result {
    let lines = bytes.chunks(layout.line());
    for (number, items) in lines.enumerate() {
        let address = start.wrapping_add((number * layout.line()) as u64);
        out.write_str(&shown(address))?;
        layout.items(out, items)?;
    }
    Ok(())
}

/// Arguments of `sum`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sum {
    start: u32,
    size: u32,
}

/// `sum`: the checksum of BSD's `sum` over physical memory; a range that reaches 4 GiB counts as empty.
pub async fn sum(cx: &mut Cx<'_>, args: Sum) -> CmdResult {
    let reader = Reader::open(cx.qmp(), cx.host, cx.allow).await?;
    let result = checksum(&reader, args.start, args.start.wrapping_add(args.size)).await;
    let sum = reader.close(result).await?;
    writeln!(cx, "{sum:05}")?;
    Ok(())
}

async fn checksum(reader: &Reader<'_>, start: u32, end: u32) -> Result<u16, ReadError> {
    let (mut sum, mut address) = (0, u64::from(start));
    while address < end.into() {
        let size = CHUNK.min(u64::from(end) - address);
        let content = reader.physical_memory(address, size).await?;
        sum = content.iter().fold(sum, bsd_sum);
        address += size;
    }
    Ok(sum)
}

fn bsd_sum(sum: u16, byte: &u8) -> u16 {
    sum.rotate_right(1).wrapping_add(u16::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    // `printf hello | sum`
    #[test]
    fn checksums_are_bsd_s() {
        assert_eq!(b"hello".iter().fold(0, bsd_sum), 8403);
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
}
