// SPDX-License-Identifier: GPL-2.0-or-later
//! Registers of POWER9 and POWER10, in the lines of the built-in monitor (target/ppc/cpu_init.c).

use std::fmt::{self, Write};

use serde_json::json;

use crate::command::cx::{CmdError, Cx};
use crate::command::vm_state::{Listed, surprised};
use crate::guest::ppc64::{self, Whole};
use crate::guest::stream::Section;

/// Why lines are missing.
pub(super) const LINES_NOTE: &str = "lines that show what is not in the state are left out: the MSR, the time base, and the CR while nothing is reserved";

/// CPUs whose lines are known, by how their types begin.
const KNOWN: [&str; 2] = ["power9_", "power10_"];

/// Refuses other CPUs, which have other lines.
pub(super) async fn check(cx: &mut Cx<'_>, cpu: &Listed) -> Result<(), CmdError> {
    let get = json!({"path": cpu.qom_path, "property": "type"});
    let kind = cx.execute("qom-get", get).await?;
    let kind = kind.as_str().unwrap_or_default();
    if KNOWN.iter().any(|begin| kind.starts_with(begin)) {
        return Ok(());
    }
    let why = "info registers: only the lines of POWER9 and POWER10 are known";
    Err(CmdError::Unavailable(why.into()))
}

/// The registers of a CPU.
pub(super) fn text(section: &Section<'_>, cpu: i64) -> Result<String, CmdError> {
    let whole = ppc64::read(section).map_err(surprised)?;
    let mut text = String::new();
    print(&mut text, &whole, cpu)?;
    Ok(text)
}

/// Names of special purpose registers as they are shown, and their numbers, a list a line.
const LINES: &[&[(&str, usize)]] = &[
    &[
        (" SRR0", 26),
        ("  SRR1", 27),
        ("    PVR", 287),
        (" VRSAVE", 256),
    ],
    &[
        ("SPRG0", 272),
        (" SPRG1", 273),
        ("  SPRG2", 274),
        ("  SPRG3", 275),
    ],
    &[
        ("SPRG4", 276),
        (" SPRG5", 277),
        ("  SPRG6", 278),
        ("  SPRG7", 279),
    ],
    &[("HSRR0", 314), (" HSRR1", 315)],
    &[(" CFAR", 28)],
    &[(" LPCR", 318)],
    &[(" PTCR", 464), ("   DAR", 19), ("  DSISR", 18)],
];

fn print(out: &mut dyn Write, whole: &Whole, cpu: i64) -> fmt::Result {
    let special = |number: usize| whole.special.get(number).copied().unwrap_or(0);
    writeln!(
        out,
        "NIP {:016x}   LR {:016x} CTR {:016x} XER {:016x} CPU#{cpu}",
        whole.next,
        special(8),
        special(9),
        special(1)
    )?;
    print_four(out, "GPR", &whole.general)?;
    if let Some(reservation) = whole.reservation {
        print_condition(out, &whole.condition, reservation)?;
    }
    print_four(out, "FPR", &whole.floating)?;
    writeln!(out, "FPSCR {:016x}", whole.floating_status)?;
    for line in LINES {
        for (name, number) in *line {
            write!(out, "{name} {:016x}", special(*number))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn print_condition(
    out: &mut dyn Write,
    fields: &[u32; 8],
    (address, length): (u64, u64),
) -> fmt::Result {
    out.write_str("CR ")?;
    for field in fields {
        write!(out, "{field:x}")?;
    }
    out.write_str("  [")?;
    for field in fields {
        let how = match field {
            _ if field & 8 != 0 => 'L',
            _ if field & 4 != 0 => 'G',
            _ if field & 2 != 0 => 'E',
            _ => '-',
        };
        write!(out, " {how}{}", if field & 1 == 1 { 'O' } else { ' ' })?;
    }
    writeln!(out, " ]     RES {length:03x}@{address:016x}")
}

fn print_four(out: &mut dyn Write, name: &str, registers: &[u64; 32]) -> fmt::Result {
    for (number, value) in registers.iter().enumerate() {
        if number % 4 == 0 {
            write!(out, "{name}{number:02}")?;
        }
        write!(out, " {value:016x}")?;
        if number % 4 == 3 {
            writeln!(out)?;
        }
    }
    Ok(())
}
