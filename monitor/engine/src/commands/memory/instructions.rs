// SPDX-License-Identifier: GPL-2.0-or-later
//! Format `i` of `x` and `xp`: instructions.

use std::ops::Range;

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::command::vm_state::{current, current_cpu, listed};
use crate::commands::memory::map::{DEVICE_NOTE, memory_map};
use crate::commands::memory::show::{CHUNK, Show};
use crate::format::disassembly::{Listing, Mode, Piece, Step};
use crate::format::sign::Sign as _;
use crate::guest::arm::{section, traits};
use crate::guest::instructions::{Known, of_arm_state, of_cpu, of_ppc64_state, of_state};
use crate::guest::memory::{Reader, Saved};
use crate::guest::regions::Map;
use crate::guest::registers::{self, of_cpu as of_noted};
use crate::guest::{ppc64, ram};
use crate::host::Risk;

/// Where instructions are read from.
enum Memory {
    Virtual,
    Physical {
        /// Certainly memory.
        main: Vec<Range<u64>>,
        /// What else there is, from the moment it is needed.
        map: Option<Map>,
        /// Whether a device was read.
        device: bool,
    },
}

/// `x/i`.
pub async fn show_virtual(cx: &mut Cx<'_>, args: Show) -> CmdResult {
    let mode = mode(cx).await?;
    let args = Show {
        addr: args.virtual_start(cx),
        ..args
    };
    show(cx, &args, mode, Memory::Virtual).await
}

/// `xp/i`.
pub async fn show_physical(cx: &mut Cx<'_>, args: Show) -> CmdResult {
    let mode = mode(cx).await?;
    let memory = Memory::Physical {
        main: ram::certain(cx.qmp(), cx.caps).await?,
        map: None,
        device: false,
    };
    show(cx, &args, mode, memory).await
}

fn unavailable<T>(why: &str) -> Result<T, CmdError> {
    Err(CmdError::Unavailable(format!("format i: {why}")))
}

async fn mode(cx: &mut Cx<'_>) -> Result<Mode, CmdError> {
    match of_cpu(cx.qmp(), cx.caps, cx.session.kept.cpu).await? {
        Known::Always(mode) => Ok(mode),
        Known::InRegisters if !registers::are_noted(cx.caps) => unavailable(
            "how bytes are decoded depends on the CPU's registers, which QMP does not read",
        ),
        Known::InRegisters if cx.allow < Risk::Pausing => unavailable(
            "needs --allow pausing: how bytes are decoded depends on the CPU's registers",
        ),
        Known::InRegisters => {
            let (qmp, host, cpu) = (cx.qmp(), cx.host, cx.session.kept.cpu);
            match of_noted(qmp, host, &cx.session.given, cx.caps, cpu).await? {
                Some(cpu) => Ok(of_state(&cpu)),
                None => Err(CmdError::Plain("Can not dump without CPU".into())),
            }
        }
        Known::InState if !cx.caps.has("xen-save-devices-state") => unavailable(
            "how bytes are decoded depends on the CPU's registers, which QMP does not read",
        ),
        Known::InState if cx.allow < Risk::Risky => {
            unavailable("needs --allow risky: how bytes are decoded depends on the CPU's registers")
        }
        Known::InState => match in_state(cx).await? {
            Some(mode) => Ok(mode),
            None => Err(CmdError::Plain("Can not dump without CPU".into())),
        },
        Known::NoCpu => Err(CmdError::Plain("Can not dump without CPU".into())),
    }
}

/// What the CPU's state says; none where there is no CPU.
async fn in_state(cx: &mut Cx<'_>) -> Result<Option<Mode>, CmdError> {
    if cx.caps.arch.as_deref() == Some("ppc64") {
        let cpu = current_cpu(cx, ppc64::read).await?;
        return Ok(cpu.map(|(whole, _)| of_ppc64_state(&whole)));
    }
    let cpus = listed(cx).await?;
    let Some(cpu) = current(cx, &cpus) else {
        return Ok(None);
    };
    let traits = traits::read(cx.qmp(), &cpu.qom_path).await?;
    if let Some(why) = traits.unread() {
        return unavailable(why);
    }
    let Some((whole, _)) = current_cpu(cx, section::read).await? else {
        return Ok(None);
    };
    match of_arm_state(&whole, traits) {
        Some(mode) => Ok(Some(mode)),
        None => unavailable("which instructions this CPU executes is not known here"),
    }
}

async fn show(cx: &mut Cx<'_>, args: &Show, mode: Mode, mut memory: Memory) -> CmdResult {
    let listing = Listing::new(mode, args.addr.as_unsigned(), args.count);
    let reader = Reader::open(cx.means()).await?;
    let result = list(cx, &reader, listing, &mut memory).await;
    reader.close(result).await?;
    if let Memory::Physical { device: true, .. } = memory {
        cx.note(DEVICE_NOTE);
    }
    Ok(())
}

async fn list(
    cx: &mut Cx<'_>,
    reader: &Reader<'_>,
    mut listing: Listing,
    memory: &mut Memory,
) -> CmdResult {
    let mut piece = Piece::default();
    loop {
        let Some(step) = listing.run(&piece, cx) else {
            return unavailable("this program was built without a disassembler");
        };
        let Step::Read { address, size } = step? else {
            return Ok(());
        };
        // Most of what comes next is near; of a listing's last line nothing more is needed.
        let near = listing.useful().min(CHUNK).max(size as u64);
        match memory.read(cx, reader, address, size as u64, near).await? {
            Some(bytes) => {
                piece = Piece {
                    start: address,
                    bytes,
                };
            }
            None => return Ok(listing.unreadable(cx)?),
        }
    }
}

impl Memory {
    /// At least `size` bytes and perhaps as many as `near`; `None` where not all of the `size`
    /// bytes can be read.
    async fn read(
        &mut self,
        cx: &mut Cx<'_>,
        reader: &Reader<'_>,
        address: u64,
        size: u64,
        near: u64,
    ) -> Result<Option<Vec<u8>>, CmdError> {
        match self {
            Self::Virtual => {
                let bytes = read_virtual(cx, reader, address, near).await?;
                let enough = bytes.len() as u64 >= size;
                if enough || near == size {
                    return Ok(Some(bytes).filter(|_| enough));
                }
                // What QEMU wrote before it failed may be less than it could have.
                let bytes = read_virtual(cx, reader, address, size).await?;
                Ok(Some(bytes).filter(|bytes| bytes.len() as u64 >= size))
            }
            Self::Physical { main, map, device } => {
                let within = |range: &Range<u64>, size| {
                    range.contains(&address) && size <= range.end - address
                };
                if main.iter().any(|range| within(range, near)) {
                    return Ok(Some(reader.physical_memory(address, near).await?));
                }
                if !main.iter().any(|range| within(range, size)) {
                    let map = match map {
                        Some(map) => map,
                        None => map.insert(memory_map(cx).await?),
                    };
                    if map.covered(address, size) < size {
                        return Ok(None);
                    }
                    *device |= map.may_be_device(address, size);
                }
                Ok(Some(reader.physical_memory(address, size).await?))
            }
        }
    }
}

/// What can be read of `size` bytes.
async fn read_virtual(
    cx: &mut Cx<'_>,
    reader: &Reader<'_>,
    address: u64,
    size: u64,
) -> Result<Vec<u8>, CmdError> {
    loop {
        match reader
            .virtual_memory(address, size, cx.session.kept.cpu)
            .await?
        {
            Saved::All(bytes) | Saved::Part(bytes) => return Ok(bytes),
            // The chosen CPU is gone: the first one takes its place, if there is one.
            Saved::NoCpu if cx.session.kept.cpu.take().is_some() => {}
            Saved::NoCpu => return Err(CmdError::Plain("Can not dump without CPU".into())),
        }
    }
}
