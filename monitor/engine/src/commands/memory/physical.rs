//! `xp`: physical memory.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::commands::memory::{NEW_LAYOUT, Show, chunk, instructions, print_lines};
use crate::format::memory::Layout;
use crate::guest::memory::{ReadError, Reader};
use crate::guest::ram;
use crate::guest::regions::{Map, Regions, SYSTEM};

/// Stands behind memory that a device may have given out.
pub(super) const DEVICE_NOTE: &str =
    "note: QMP does not tell a device that refuses to be read from zeros";

/// `xp`: physical memory, line by line up to the first where nothing is. QMP reads zeros there, and where a device
/// refuses; QOM's memory regions tell the one from memory, and nothing tells the other: such a range is not for this
/// route.
pub async fn show_physical(cx: &mut Cx<'_>, args: Show) -> CmdResult {
    physical(cx, args, false).await
}

/// `xp` of device memory too: what a device refuses to show reads as zeros, and a note says so.
pub async fn show_physical_anyway(cx: &mut Cx<'_>, args: Show) -> CmdResult {
    if args.format == 'i' {
        return instructions::show_physical(cx, args).await;
    }
    physical(cx, args, true).await
}

async fn physical(cx: &mut Cx<'_>, args: Show, devices: bool) -> CmdResult {
    let layout = args.layout(cx)?;
    let start = args.addr.cast_unsigned();
    let bytes = args.bytes();
    if bytes == 0 {
        return Ok(());
    }
    let plan = if ram::certain(cx.qmp(), cx.caps)
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
    let reader = Reader::open(cx.qmp(), cx.host, cx.allow).await?;
    let result = physical_lines(cx, &reader, &layout, start, &plan).await;
    reader.close(result).await?;
    if plan.devices {
        writeln!(cx, "{DEVICE_NOTE}")?;
    }
    Ok(())
}

/// What lies where, for the CPU in use.
pub(super) async fn memory_map(cx: &mut Cx<'_>) -> Result<Map, CmdError> {
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
        let content = match reader.physical_memory(address, size).await {
            // Lines are out: it is too late for another route.
            Err(ReadError::Unavailable(why)) if done > 0 => return Err(CmdError::Plain(why)),
            content => content?,
        };
        print_lines(cx, layout, address, &content, shown)?;
        done += size;
    }
    if plan.broken {
        let address = start.wrapping_add(plan.readable);
        writeln!(cx, "{} Cannot access memory", shown(address))?;
    }
    Ok(())
}
