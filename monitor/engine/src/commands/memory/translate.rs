// SPDX-License-Identifier: GPL-2.0-or-later
//! How virtual addresses are mapped: `info mem`, `info tlb`, `gva2gpa` of x86. The control registers are in
//! the notes of a dump; the tables are read out of physical memory.

use std::fmt::Write;

use serde::Deserialize;

use crate::command::cx::{CmdError, CmdResult, Cx, NoArgs};
use crate::command::vm_state;
use crate::commands::memory::tables::{Tables, breathe};
use crate::format::sign::Sign as _;
use crate::guest::registers::of_cpu;
use crate::guest::x86::paging::{Paging, Search, Step, USER, WRITE, Walk};
use crate::guest::x86::section::MANAGEMENT;
use crate::host::Risk;
use crate::qmp::version::{Version, v};

/// The first release that shows the address 0 with its prefix (11.1, seen: on 11.1.3; the sources of
/// 10.2 have C's `#`).
const PREFIXED_ZERO: Version = v(11, 1);

/// What stands for addresses where there are none.
const NO_PAGING: &str = "PG disabled";

/// Arguments of `gva2gpa`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    pub(super) addr: i64,
}

/// The paging of the CPU in use; none where there is no CPU.
async fn paging(cx: &mut Cx<'_>) -> Result<Option<Paging>, CmdError> {
    let (qmp, host, cpu) = (cx.qmp(), cx.host, cx.session.kept.cpu);
    let cpu = of_cpu(qmp, host, &cx.session.given, cx.caps, cpu).await?;
    Ok(cpu.as_ref().map(Paging::from))
}

/// The bits of physical addresses that the A20 gate lets through; system management is behind no
/// gate.
async fn read_gate(cx: &mut Cx<'_>) -> Result<u64, CmdError> {
    let whole = vm_state::whole(cx).await?;
    Ok(match whole {
        Some(whole) if whole.mode & MANAGEMENT == 0 => i64::from(whole.gate).as_unsigned(),
        _ => u64::MAX,
    })
}

/// `gva2gpa`.
pub async fn gva2gpa(cx: &mut Cx<'_>, args: Address) -> CmdResult {
    let Some(paging) = paging(cx).await? else {
        return print_no_cpu(cx);
    };
    let address = args.addr.as_unsigned();
    let mut gate = u64::MAX;
    if !paging.is_protected() && address & 1 << 20 != 0 {
        match cx.allow {
            Risk::Risky => gate = read_gate(cx).await?,
            _ => {
                let why = "gva2gpa: needs --allow risky: in real mode the A20 gate decides, which is in no \
                           note of a dump";
                return Err(CmdError::Unavailable(why.into()));
            }
        }
    }
    let mut tables = Tables::open(cx).await?;
    let found = tables.find(cx, Search::new(&paging, address, gate)).await;
    let result = found.and_then(|place| print_place(cx, place));
    tables.close(cx, result).await
}

/// There is no CPU that could map an address.
pub(super) fn print_no_cpu(cx: &mut Cx<'_>) -> CmdResult {
    writeln!(cx, "No cpu")?;
    Ok(())
}

/// Where an address is mapped to.
pub(super) fn print_place(cx: &mut Cx<'_>, place: Option<u64>) -> CmdResult {
    match place {
        None => writeln!(cx, "Unmapped")?,
        Some(0) if cx.caps.version < PREFIXED_ZERO => writeln!(cx, "gpa: 0")?,
        Some(place) => writeln!(cx, "gpa: {place:#x}")?,
    }
    Ok(())
}

/// `info tlb`: every page.
pub async fn info_tlb(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    walked(cx, |out, paging, step| {
        let Step::Page(page) = step else {
            return Ok(());
        };
        let start = paging.canonical(page.start);
        write!(out, "{start:016x}: {:016x} ", page.place)?;
        for (letter, bit) in LETTERS {
            let set = page.bits >> bit & 1 == 1;
            out.write_char(if set { *letter } else { '-' })?;
        }
        writeln!(out)
    })
    .await
}

/// Bits of an entry as `info tlb` shows them.
const LETTERS: &[(char, u32)] = &[
    ('X', 63),
    ('G', 8),
    ('P', 7),
    ('D', 6),
    ('A', 5),
    ('C', 4),
    ('T', 3),
    ('U', 2),
    ('W', 1),
];

/// `info mem`: ranges with the same rights.
pub async fn info_mem(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let mut open: Option<(u64, u64)> = None;
    walked(cx, move |out, paging, step| {
        let (at, rights) = match step {
            Step::Page(page) => (page.start, page.rights),
            Step::Hole(start) => (*start, 0),
            Step::End => (paging.end(), 0),
            Step::Table { .. } => return Ok(()),
        };
        if open.map_or(0, |(_, rights)| rights) == rights {
            return Ok(());
        }
        if let Some((start, rights)) = open {
            let shown = |address: u64| paging.canonical(address);
            writeln!(
                out,
                "{:016x}-{:016x} {:016x} {}r{}",
                shown(start),
                shown(at),
                shown(at - start),
                if rights & USER == 0 { '-' } else { 'u' },
                if rights & WRITE == 0 { '-' } else { 'w' },
            )?;
        }
        open = (rights != 0).then_some((at, rights));
        Ok(())
    })
    .await
}

/// Walks over everything that is mapped, and has each step printed, the end too.
async fn walked(
    cx: &mut Cx<'_>,
    print: impl FnMut(&mut Cx<'_>, &Paging, &Step) -> std::fmt::Result + Send,
) -> CmdResult {
    let Some(paging) = paging(cx).await? else {
        writeln!(cx, "No CPU available")?;
        return Ok(());
    };
    if !paging.is_on() {
        writeln!(cx, "{NO_PAGING}")?;
        return Ok(());
    }
    let mut tables = Tables::open(cx).await?;
    let result = walk(cx, &mut tables, &paging, print).await;
    tables.close(cx, result).await
}

async fn walk(
    cx: &mut Cx<'_>,
    tables: &mut Tables<'_>,
    paging: &Paging,
    mut print: impl FnMut(&mut Cx<'_>, &Paging, &Step) -> std::fmt::Result + Send,
) -> CmdResult {
    let mut walk = Walk::new(paging);
    loop {
        let step = walk.step();
        print(cx, paging, &step)?;
        match step {
            Step::Table { address, size } => {
                breathe().await;
                walk.table(tables.read(cx, address, size).await?);
            }
            Step::End => return Ok(()),
            Step::Page(_) | Step::Hole(_) => {}
        }
    }
}
