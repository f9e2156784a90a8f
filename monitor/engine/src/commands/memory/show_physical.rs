// SPDX-License-Identifier: GPL-2.0-or-later
//! `xp`: physical memory.

use std::fmt::Write;

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::commands::memory::map::{DEVICE_NOTE, memory_map};
use crate::commands::memory::show::{NEW_LAYOUT, Show, chunk, print_lines};
use crate::commands::memory::{hosted, instructions};
use crate::format::memory::{Layout, PIECE, Shown};
use crate::format::sign::Sign as _;
use crate::guest::memory::{ReadError, Reader};
use crate::guest::ram;
use crate::guest::regions::Map;
use crate::host::Place;

/// `xp`: physical memory, line by line up to the first where nothing is. QMP reads zeros there, and
/// where a device refuses; QOM's memory regions tell the one from memory, and nothing tells the
/// other: such a range is not for this route.
pub async fn show_physical(cx: &mut Cx<'_>, args: Show) -> CmdResult {
    physical(cx, args, false).await
}

/// `xp` of device memory too: what a device refuses to show reads as zeros, and a note says so.
pub async fn show_physical_anyway(cx: &mut Cx<'_>, args: Show) -> CmdResult {
    if args.format == 'i' && cx.host.disassembler().is_none() {
        return instructions::show_physical(cx, args).await;
    }
    physical(cx, args, true).await
}

async fn physical(cx: &mut Cx<'_>, args: Show, devices: bool) -> CmdResult {
    let start = args.addr.as_unsigned();
    let place = Place {
        physical: true,
        address: start,
        cpu: None,
    };
    let shown = shown_address(cx);
    if hosted::show(cx, &args, place, shown)? {
        return Ok(());
    }
    let layout = args.layout(cx)?;
    let bytes = args.bytes();
    if bytes == 0 {
        return Ok(());
    }
    if ram::certain(cx.qmp(), cx.caps)
        .await?
        .iter()
        .any(|range| range.contains(&start) && bytes <= range.end - start)
    {
        let plan = Plan {
            readable: bytes,
            broken: false,
            devices: false,
        };
        return own(cx, &layout, start, &plan).await;
    }
    let map = memory_map(cx).await?;
    let plan = plan(&map, start, bytes, layout.line() as u64);
    if plan.devices && !devices {
        if cx.has_builtin && bytes > 2 * PIECE * layout.line() as u64 {
            return with_builtin(cx, &args, &layout, &map, &plan).await;
        }
        return Err(CmdError::Unavailable(
            "xp: QMP does not tell whether a device there refuses to be read".into(),
        ));
    }
    own(cx, &layout, start, &plan).await?;
    if plan.devices {
        cx.note(DEVICE_NOTE);
    }
    Ok(())
}

async fn own(cx: &mut Cx<'_>, layout: &Layout, start: u64, plan: &Plan) -> CmdResult {
    let reader = Reader::open(cx.means()).await?;
    let result = physical_lines(cx, &reader, layout, start, plan).await;
    reader.close(result).await
}

/// Shows much memory with a device among it: memory is read as ever, and the built-in monitor is
/// asked for the device, piece by piece.
async fn with_builtin(
    cx: &mut Cx<'_>,
    args: &Show,
    layout: &Layout,
    map: &Map,
    plan: &Plan,
) -> CmdResult {
    let (line, size) = (layout.line() as u64, layout.size as u64);
    let mut start = args.addr.as_unsigned();
    let mut left = plan.readable;
    while left > 0 {
        let memory = map.before_device(start, left);
        let whole = if memory < left {
            memory / line * line
        } else {
            left
        };
        let done = if whole > 0 {
            let plan = Plan {
                readable: whole,
                broken: false,
                devices: false,
            };
            match own(cx, layout, start, &plan).await {
                // Lines may be out: it is too late for another route.
                Err(CmdError::Unavailable(why)) => return Err(CmdError::Plain(why)),
                other => other?,
            }
            whole
        } else {
            let bytes = (PIECE * line).min(left);
            let piece = Shown {
                name: "xp",
                count: bytes / size,
                letter: args.format,
                size,
                address: start,
            };
            let text = cx.builtin(&piece.line()).await?;
            cx.write_str(&text)?;
            if !piece.is_complete(&text) {
                return Ok(());
            }
            bytes
        };
        start = start.wrapping_add(done);
        left -= done;
    }
    if plan.broken {
        let shown = shown_address(cx);
        writeln!(cx, "{} Cannot access memory", shown(start))?;
    }
    Ok(())
}

/// How addresses are shown.
fn shown_address(cx: &Cx<'_>) -> impl Fn(u64) -> String + use<> {
    let digits = if cx.caps.version >= NEW_LAYOUT { 8 } else { 16 };
    move |address: u64| format!("{address:0digits$x}:")
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
    let shown = shown_address(cx);
    let chunk = chunk(start, plan.readable, line);
    let mut done = 0;
    while done < plan.readable {
        let address = start.wrapping_add(done);
        let size = chunk.min(plan.readable - done);
        let content = match reader.physical_memory(address, size).await {
            // Lines are out: it is too late for another route.
            Err(error @ ReadError::Unavailable(_)) if done > 0 => {
                return Err(CmdError::Plain(error.to_string()));
            }
            content => content?,
        };
        print_lines(cx, layout, address, &content, &shown)?;
        done += size;
    }
    if plan.broken {
        let address = start.wrapping_add(plan.readable);
        writeln!(cx, "{} Cannot access memory", shown(address))?;
    }
    Ok(())
}
