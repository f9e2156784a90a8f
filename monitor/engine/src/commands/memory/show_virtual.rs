// SPDX-License-Identifier: GPL-2.0-or-later
//! `x`: virtual memory.

use std::fmt::Write;

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::commands::memory::show::{NARROW, NEW_LAYOUT, Show, chunk, is_one_of, print_lines};
use crate::commands::memory::{hosted, instructions};
use crate::format::memory::Layout;
use crate::format::sign::Sign as _;
use crate::guest::memory::{Reader, Saved};
use crate::guest::segments;
use crate::host::Place;
use crate::qmp::QmpError;

/// `x`: virtual memory, line by line up to the first that can't be read.
pub async fn show_virtual(cx: &mut Cx<'_>, args: Show) -> CmdResult {
    let narrow = is_one_of(cx, NARROW);
    let cut = narrow && cx.caps.version < NEW_LAYOUT;
    let start = match args.virtual_start(cx) {
        // That crashes some, see the hazards.
        start if cut && start < 0 && has_segments(cx).await? => i64::from(start as u32),
        start => start,
    };
    let shown = |address: u64| match (narrow, cut) {
        (true, true) => format!("{:08x}:", address as u32),
        (true, false) => format!("{address:08x}:"),
        (false, _) => format!("{address:016x}:"),
    };
    let place = Place {
        physical: false,
        address: start.as_unsigned(),
        cpu: None,
    };
    if hosted::show(cx, &args, place, shown)? {
        return Ok(());
    }
    let layout = args.layout(cx)?;
    let reader = Reader::open(cx.means()).await?;
    let result = lines(
        cx,
        &reader,
        &layout,
        start.as_unsigned(),
        args.bytes(),
        shown,
    )
    .await;
    reader.close(result).await
}

/// Whether it is PowerPC with segment registers.
async fn has_segments(cx: &mut Cx<'_>) -> Result<bool, QmpError> {
    Ok(is_one_of(cx, &["ppc"]) && segments::has(cx.qmp(), cx.caps).await?)
}

/// `x` with our own disassembler too.
pub async fn show_virtual_anyway(cx: &mut Cx<'_>, args: Show) -> CmdResult {
    if args.format == 'i' && cx.host.disassembler().is_none() {
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
        let (content, broken) = match reader
            .virtual_memory(address, size, cx.session.kept.cpu)
            .await?
        {
            Saved::All(content) => (content, false),
            Saved::Part(content) => (content, true),
            // The chosen CPU is gone: the first one takes its place, if there is one.
            Saved::NoCpu if cx.session.kept.cpu.take().is_some() => continue,
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
        if whole == 0 && size <= line {
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
