// SPDX-License-Identifier: GPL-2.0-or-later
//! Registers of s390x CPUs, in the lines of the built-in monitor (target/s390x/cpu-dump.c).

use std::fmt::{self, Write};

use crate::command::cx::CmdError;
use crate::command::vm_state::surprised;
use crate::guest::s390x::{self, Whole};
use crate::guest::stream::Section;

/// Why a line is missing.
pub(super) const STATUS_NOTE: &str =
    "the line of the PSW is left out: this accelerator keeps its condition code elsewhere";

/// The registers of a CPU.
pub(super) fn text(section: &Section<'_>, kvm: bool) -> Result<String, CmdError> {
    let whole = s390x::read(section).map_err(surprised)?;
    let mut text = String::new();
    print(&mut text, &whole, kvm)?;
    Ok(text)
}

fn print(out: &mut dyn Write, whole: &Whole, kvm: bool) -> fmt::Result {
    if kvm {
        let [mask, address] = whole.status;
        writeln!(out, "PSW=mask {mask:016x} addr {address:016x}")?;
    }
    print_four(out, 'R', &whole.general)?;
    if whole.has_vectors {
        for (number, [high, low]) in whole.vectors.iter().enumerate() {
            let end = if number % 2 == 0 { ' ' } else { '\n' };
            write!(out, "V{number:02}={high:016x}{low:016x}{end}")?;
        }
    } else {
        let floats: [u64; 16] = std::array::from_fn(|number| whole.vectors[number][0]);
        print_four(out, 'F', &floats)?;
    }
    print_four(out, 'C', &whole.control)?;
    writeln!(out)
}

fn print_four(out: &mut dyn Write, letter: char, registers: &[u64; 16]) -> fmt::Result {
    for (number, value) in registers.iter().enumerate() {
        let end = if number % 4 == 3 { '\n' } else { ' ' };
        write!(out, "{letter}{number:02}={value:016x}{end}")?;
    }
    Ok(())
}
