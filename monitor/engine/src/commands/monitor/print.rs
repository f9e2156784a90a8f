// SPDX-License-Identifier: GPL-2.0-or-later
//! `print`: an expression's value in a format.

use std::fmt::Write;

use serde::Deserialize;

use crate::command::cx::{CmdResult, Cx};
use crate::format::sign::Sign as _;
use crate::format::text::quoted_char;

/// Arguments of `print`; count and size are read and have no effect.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Print {
    #[serde(rename = "count")]
    _count: i64,
    format: char,
    #[serde(rename = "size")]
    _size: i64,
    val: i64,
}

/// `print`.
pub async fn print(cx: &mut Cx<'_>, args: Print) -> CmdResult {
    let value = args.val;
    match args.format {
        'o' if value != 0 => writeln!(cx, "0{value:o}")?,
        'x' if value != 0 => writeln!(cx, "{value:#x}")?,
        'u' => writeln!(cx, "{}", value.as_unsigned())?,
        // The low 32 bits count.
        'c' => writeln!(cx, "{}", quoted_char(value.as_unsigned() as u32))?,
        _ => writeln!(cx, "{value}")?,
    }
    Ok(())
}
