// SPDX-License-Identifier: GPL-2.0-or-later
//! How virtual addresses are mapped on RISC-V: `info mem`, `gva2gpa`. What decides is in the state of
//! all devices; the tables are read out of physical memory.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::command::cx::{CmdError, CmdResult, Cx, NoArgs};
use crate::command::vm_state::{Listed, current_cpu};
use crate::commands::memory::tables::{Tables, breathe};
use crate::commands::memory::translate::{Address, print_no_cpu, print_place};
use crate::format::sign::Sign as _;
use crate::guest::riscv::paging::{Block, Mapping, Paging, Search, Step, Walk, is_seen_otherwise};
use crate::guest::riscv::section;

const PAGE: usize = 4096;

/// The two lines above what is mapped.
const HEADER: &str = "vaddr            paddr            size             attr\n\
                      ---------------- ---------------- ---------------- -------\n";

/// Bits of an entry, as letters.
const LETTERS: &[(char, u32)] = &[
    ('r', 1),
    ('w', 2),
    ('x', 3),
    ('u', 4),
    ('g', 5),
    ('a', 6),
    ('d', 7),
];

fn unavailable<T>(why: &str) -> Result<T, CmdError> {
    Err(CmdError::Unavailable(why.to_owned()))
}

/// `info mem`: blocks of pages, as they lie in tables.
pub async fn info_mem(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let Some((whole, cpu)) = current_cpu(cx, section::read).await? else {
        writeln!(cx, "No CPU available")?;
        return Ok(());
    };
    if !has_mmu(cx, &cpu).await? {
        writeln!(cx, "S-mode MMU unavailable")?;
        return Ok(());
    }
    let paging = match Mapping::of(&whole) {
        Mapping::None => {
            writeln!(cx, "No translation or protection")?;
            return Ok(());
        }
        Mapping::Paged(paging) => paging,
        Mapping::Unknown => return unavailable("how satp maps addresses is not known here"),
    };
    let mut tables = Tables::open(cx).await?;
    let result = walk(cx, &mut tables, &paging).await;
    tables.close(cx, result).await
}

/// Whether the CPU has what maps addresses.
async fn has_mmu(cx: &mut Cx<'_>, cpu: &Listed) -> Result<bool, CmdError> {
    let get = json!({"path": cpu.qom_path, "property": "mmu"});
    match cx.execute("qom-get", get).await {
        Ok(value) => Ok(value != Value::Bool(false)),
        Err(CmdError::Qmp(error)) if !error.is_fatal() => Ok(true),
        Err(error) => Err(error),
    }
}

async fn walk(cx: &mut Cx<'_>, tables: &mut Tables<'_>, paging: &Paging) -> CmdResult {
    let mut walk = Walk::new(paging);
    let mut began = false;
    loop {
        match walk.step() {
            Step::Table(address) => {
                breathe().await;
                walk.table(tables.read(cx, address, PAGE).await?);
                if !std::mem::replace(&mut began, true) {
                    cx.write_str(HEADER)?;
                }
            }
            Step::Block(block) => print(cx, paging, &block)?,
            Step::End => return Ok(()),
        }
    }
}

fn print(out: &mut dyn Write, paging: &Paging, block: &Block) -> std::fmt::Result {
    let start = paging.canonical(block.start);
    write!(
        out,
        "{start:016x} {:016x} {:016x} ",
        block.place, block.size
    )?;
    for (letter, bit) in LETTERS {
        let set = block.bits >> bit & 1 == 1;
        out.write_char(if set { *letter } else { '-' })?;
    }
    writeln!(out)
}

/// `gva2gpa`, for a read at the CPU's privilege.
pub async fn gva2gpa(cx: &mut Cx<'_>, args: Address) -> CmdResult {
    let Some((whole, _)) = current_cpu(cx, section::read).await? else {
        return print_no_cpu(cx);
    };
    let address = args.addr.as_unsigned();
    if is_seen_otherwise(&whole) {
        return unavailable("gva2gpa: the CPU sees memory as another mode, or through two tables");
    }
    let paging = match Mapping::of(&whole) {
        Mapping::None => return print_place(cx, Some(address)),
        Mapping::Paged(paging) => paging,
        Mapping::Unknown => return unavailable("how satp maps addresses is not known here"),
    };
    let mut tables = Tables::open(cx).await?;
    let found = tables.find(cx, Search::new(&paging, address)).await;
    let result = found.and_then(|place| print_place(cx, place));
    tables.close(cx, result).await
}
