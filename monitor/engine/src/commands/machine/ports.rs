// SPDX-License-Identifier: GPL-2.0-or-later
//! `i` and `o`: I/O ports.

use std::fmt::Write;

use serde::Deserialize;

use crate::command::cx::{CmdResult, Cx};
use crate::commands::machine::port_access::{Access, Width, access};

/// Arguments of `i`. Count and letter of the format mean nothing.
#[derive(Deserialize)]
pub struct Read {
    size: i64,
    addr: u32,
    index: Option<u32>,
}

/// `i`: a port's value; with an index, that is written to the port first, and the next one is read.
pub async fn read(cx: &mut Cx<'_>, args: Read) -> CmdResult {
    let width = Width::of(args.size);
    let mut port = args.addr as u16;
    let mut accesses = Vec::new();
    if let Some(index) = args.index {
        accesses.push(Access::Out(Width::Byte, port, index));
        port = port.wrapping_add(1);
    }
    accesses.push(Access::In(width, port));
    let values = access(cx, &accesses).await?;
    let value = values.last().copied().unwrap_or_default();
    let text = value_of(value, args.size);
    writeln!(cx, "port{}[{port:#06x}] = {text}", width.letter())?;
    Ok(())
}

/// As many digits as the format's size has, whatever was read: those of a negative one (the size
/// that format `i` leaves) are columns, filled up behind.
fn value_of(value: u32, size: i64) -> String {
    let columns = usize::try_from(size.unsigned_abs()).unwrap_or(0) * 2;
    match size < 0 {
        true => {
            let digits = format!("{value:x}");
            format!("0x{digits:columns$}")
        }
        false => format!("0x{value:0columns$x}"),
    }
}

/// Arguments of `o`.
#[derive(Deserialize)]
pub struct Written {
    size: i64,
    addr: u32,
    val: u32,
}

/// `o`: writes a port.
pub async fn write(cx: &mut Cx<'_>, args: Written) -> CmdResult {
    let out = Access::Out(Width::of(args.size), args.addr as u16, args.val);
    access(cx, &[out]).await?;
    Ok(())
}
