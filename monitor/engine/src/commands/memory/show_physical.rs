// SPDX-License-Identifier: GPL-2.0-or-later
//! `xp`: physical memory.

use std::fmt::Write;

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::commands::memory::instructions;
use crate::commands::memory::map::{DEVICE_NOTE, memory_map};
use crate::commands::memory::show::{NEW_LAYOUT, Show, chunk, print_lines};
use crate::format::memory::Layout;
use crate::guest::memory::{ReadError, Reader};
use crate::guest::ram;
use crate::guest::regions::Map;

/// `xp`: physical memory, line by line up to the first where nothing is. QMP reads zeros there, and
/// where a device refuses; QOM's memory regions tell the one from memory, and nothing tells the
/// other: such a range is not for this route.
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
    let reader = Reader::open(cx.means()).await?;
    let result = physical_lines(cx, &reader, &layout, start, &plan).await;
    reader.close(result).await?;
    if plan.devices {
        cx.note(DEVICE_NOTE);
    }
    Ok(())
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
