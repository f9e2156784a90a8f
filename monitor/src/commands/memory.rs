//! Guest memory: writing ranges of it into files, showing it, its checksum.

use std::fmt::Write;
use std::ops::Range;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::cx::{CmdError, CmdResult, Cx};
use crate::format::memory::Layout;
use crate::guest::memory::{ReadError, Reader, Saved};
use crate::guest::regions::{Map, Regions, SYSTEM};
use crate::qmp::QmpError;
use crate::version::{Version, v};

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
            return Err(CmdError::Unavailable(Self::no_disassembly(cx).into()));
        }
        Ok(Layout {
            letter: self.format,
            size: usize::try_from(self.size).unwrap_or(4),
            big_endian: is_one_of(cx, BIG_ENDIAN),
            zero_before_padding: cx.caps.version >= NEW_LAYOUT,
        })
    }

    /// Why there is no format `i`. Which bytes make up an instruction depends on a mode of the CPU in its registers: 16, 32
    /// or 64 bits on x86, A32, T32 or A64 on Arm, byte order on PowerPC, extensions that are enabled on RISC-V. s390x alone
    /// has no such mode. There, of 13,000 random instructions, capstone 5 decodes 5,460 that the capstone 4 of QEMU 10.0
    /// shows as bytes, and the other lines are equal; which of the two a QEMU has is a matter of how it was built.
    fn no_disassembly(cx: &Cx<'_>) -> &'static str {
        if cx.caps.arch.as_deref() == Some("s390x") {
            "format i: QMP does not tell which instructions this QEMU's disassembler knows"
        } else {
            "format i: how bytes are decoded depends on the CPU's registers, which QMP does not read"
        }
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
    let reader = Reader::open(cx.qmp(), cx.host).await?;
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

/// `xp`: physical memory, line by line up to the first where nothing is. QMP reads zeros there, and where a device
/// refuses; QOM's memory regions tell the one from memory, and nothing tells the other: such a range is not for this
/// route.
pub async fn show_physical(cx: &mut Cx<'_>, args: Show) -> CmdResult {
    physical(cx, args, false).await
}

/// `xp` of device memory too: what a device refuses to show reads as zeros, and a note says so.
pub async fn show_physical_anyway(cx: &mut Cx<'_>, args: Show) -> CmdResult {
    physical(cx, args, true).await
}

async fn physical(cx: &mut Cx<'_>, args: Show, devices: bool) -> CmdResult {
    let layout = args.layout(cx)?;
    let start = args.addr.cast_unsigned();
    let bytes = args.bytes();
    if bytes == 0 {
        return Ok(());
    }
    let plan = if main_memory(cx)
        .await?
        .iter()
        .any(|range| range.contains(&start) && bytes <= range.end - start)
    {
        Plan {
            readable: bytes,
            broken: false,
            devices: false,
        }
    } else {
        plan(&memory_map(cx).await?, start, bytes, layout.line() as u64)
    };
    if plan.devices && !devices {
        return Err(CmdError::Unavailable(
            "xp: QMP does not tell whether a device there refuses to be read".into(),
        ));
    }
    let reader = Reader::open(cx.qmp(), cx.host).await?;
    let result = physical_lines(cx, &reader, &layout, start, &plan).await;
    reader.close(result).await?;
    if plan.devices {
        writeln!(
            cx,
            "note: QMP does not tell a device that refuses to be read from zeros"
        )?;
    }
    Ok(())
}

/// Ranges that are memory on this machine whatever was done to it, for most of what is asked; the whole map takes a
/// thousand times as long.
async fn main_memory(cx: &mut Cx<'_>) -> Result<Vec<Range<u64>>, CmdError> {
    let kind = json!({"path": "/machine", "property": "type"});
    let kind: String = cx.query_with("qom-get", kind).await?;
    let sizes: MemorySize = cx.query("query-memory-size-summary").await?;
    let size = sizes.base_memory;
    if kind.starts_with("pc-q35-") || kind.starts_with("pc-i440fx-") {
        let limit = json!({"path": "/machine", "property": "max-ram-below-4g"});
        let limit = match cx.qmp().execute("qom-get", limit).await {
            Ok(limit) => limit.as_u64().filter(|&limit| limit != 0),
            Err(error) if error.is_fatal() => return Err(error.into()),
            Err(_) => None,
        };
        return Ok(pc_memory(size.min(limit.unwrap_or(u64::MAX))));
    }
    let start: u64 = match (cx.caps.arch.as_deref(), kind.split('-').next()) {
        (Some("aarch64" | "arm"), Some("virt")) => 1 << 30,
        (Some("riscv32" | "riscv64"), Some("virt")) => 2 << 30,
        (Some("s390x"), Some("s390")) | (Some("ppc64"), Some("pseries")) => 0,
        _ => return Ok(Vec::new()),
    };
    Ok(std::iter::once(start..start.saturating_add(size)).collect())
}

/// The memory of a PC with `size` bytes below 4 GiB, the adapters' window left out. Boards put at least 2 GiB there,
/// and their firmware and its shadow below 1 MiB.
fn pc_memory(size: u64) -> Vec<Range<u64>> {
    let mebibyte = 1 << 20;
    vec![
        0..size.min(0xa0000),
        0xc0000..mebibyte,
        mebibyte..size.min(2 << 30).max(mebibyte),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct MemorySize {
    base_memory: u64,
}

/// What lies where, for the CPU in use.
async fn memory_map(cx: &mut Cx<'_>) -> Result<Map, CmdError> {
    let unavailable = |why: &str| Err(CmdError::Unavailable(format!("xp: {why}")));
    let cpus: Vec<CpuPath> = cx.query("query-cpus-fast").await?;
    let chosen = cpus
        .iter()
        .find(|cpu| Some(cpu.cpu_index) == cx.session.cpu)
        .or(cpus.first());
    if let Some(cpu) = chosen {
        let get = json!({"path": cpu.qom_path, "property": "memory"});
        match cx.qmp().execute("qom-get", get).await {
            Ok(Value::String(path)) if path != SYSTEM => {
                return unavailable(
                    "this CPU has an address space of its own, which QMP does not read",
                );
            }
            Err(error) if error.is_fatal() => return Err(error.into()),
            _ => {}
        }
    }
    let blocks = cx.execute("x-query-ramblock", Value::Null).await?;
    let blocks = blocks["human-readable-text"].as_str().unwrap_or_default();
    match Map::new(&Regions::fetch(cx.qmp(), cx.caps).await?, blocks) {
        Some(map) => Ok(map),
        None => unavailable("this machine's memory is not in QOM"),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct CpuPath {
    cpu_index: i64,
    qom_path: String,
}

/// What `xp` is to show.
struct Plan {
    /// How many bytes before the first line that can't be read, or all.
    readable: u64,
    /// Whether there is such a line.
    broken: bool,
    /// Whether devices may be among them.
    devices: bool,
}

fn plan(map: &Map, start: u64, bytes: u64, line: u64) -> Plan {
    let covered = map.covered(start, bytes);
    let broken = covered < bytes;
    let readable = if broken { covered / line * line } else { bytes };
    Plan {
        readable,
        broken,
        devices: map.may_be_device(start, readable),
    }
}

async fn physical_lines(
    cx: &mut Cx<'_>,
    reader: &Reader<'_>,
    layout: &Layout,
    start: u64,
    plan: &Plan,
) -> CmdResult {
    let line = layout.line() as u64;
    let digits = if cx.caps.version >= NEW_LAYOUT { 8 } else { 16 };
    let shown = |address: u64| format!("{address:0digits$x}:");
    let chunk = chunk(start, plan.readable, line);
    let mut done = 0;
    while done < plan.readable {
        let address = start.wrapping_add(done);
        let size = chunk.min(plan.readable - done);
        let content = reader.physical_memory(address, size).await?;
        print_lines(cx, layout, address, &content, shown)?;
        done += size;
    }
    if plan.broken {
        let address = start.wrapping_add(plan.readable);
        writeln!(cx, "{} Cannot access memory", shown(address))?;
    }
    Ok(())
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
    let reader = Reader::open(cx.qmp(), cx.host).await?;
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
