// SPDX-License-Identifier: GPL-2.0-or-later
//! Guest memory that the program around the engine reads itself: `x` and `xp` as the built-in
//! monitor of QEMU does them (monitor/hmp-cmds-target.c, `memory_dump`).

use std::fmt::Write;

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::commands::memory::show::{Show, print_lines};
use crate::host::{Access, GuestMemory, Place};

/// Bytes that are read at once where no line is shown.
pub(super) const LINE: usize = 16;

/// Shows what was asked for at `place`, for the CPU in use; says whether the program around reads
/// memory, or disassembles, itself.
pub(super) fn show(
    cx: &mut Cx<'_>,
    args: &Show,
    place: Place,
    shown: impl Fn(u64) -> String,
) -> Result<bool, CmdError> {
    let host = cx.host;
    match (args.format, host.memory(), host.disassembler()) {
        ('i', _, Some(disassembler)) => {
            with_cpu(cx, place, |cx, place| {
                Ok(disassembler.disassemble(place, args.count, cx))
            })?;
        }
        ('i', ..) | (_, None, _) => return Ok(false),
        (_, Some(memory), _) => {
            with_cpu(cx, place, |cx, place| {
                lines(cx, args, memory, place, &shown)
            })?;
        }
    }
    Ok(true)
}

/// Does it for the CPU in use; where that is gone, for the first one.
fn with_cpu(
    cx: &mut Cx<'_>,
    place: Place,
    mut work: impl FnMut(&mut Cx<'_>, Place) -> Result<Access, CmdError>,
) -> CmdResult {
    loop {
        let cpu = cx.session.kept.cpu;
        match work(cx, Place { cpu, ..place })? {
            Access::NoCpu if cx.session.kept.cpu.take().is_some() => {}
            Access::NoCpu => return Err(CmdError::Plain("Can not dump without CPU".into())),
            Access::Done | Access::Refused => return Ok(()),
        }
    }
}

/// Line by line up to the first that can't be read.
fn lines(
    cx: &mut Cx<'_>,
    args: &Show,
    memory: &dyn GuestMemory,
    place: Place,
    shown: &impl Fn(u64) -> String,
) -> Result<Access, CmdError> {
    let layout = args.items(cx);
    let (line, bytes) = (layout.line(), args.bytes());
    let mut buffer = vec![0; line];
    let mut done: u64 = 0;
    if bytes == 0 && !place.physical {
        // Nothing to show still needs a CPU.
        return Ok(memory.read(place, &mut []));
    }
    while done < bytes {
        let size = usize::try_from(bytes - done).map_or(line, |left| left.min(line));
        let address = place.address.wrapping_add(done);
        let part = &mut buffer[..size];
        match memory.read(Place { address, ..place }, part) {
            Access::Done => print_lines(cx, &layout, address, part, shown)?,
            Access::NoCpu => return Ok(Access::NoCpu),
            Access::Refused => {
                writeln!(cx, "{} Cannot access memory", shown(address))?;
                return Ok(Access::Refused);
            }
        }
        done += size as u64;
    }
    Ok(Access::Done)
}

/// Reads physical memory; what can't be accessed reads as zeros.
pub(super) fn physical(memory: &dyn GuestMemory, address: u64, into: &mut [u8]) {
    let place = |address| Place {
        physical: true,
        address,
        cpu: None,
    };
    if memory.read(place(address), into) == Access::Done {
        return;
    }
    for (at, byte) in (address..).zip(into) {
        if memory.read(place(at), std::slice::from_mut(byte)) != Access::Done {
            *byte = 0;
        }
    }
}
