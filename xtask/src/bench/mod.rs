// SPDX-License-Identifier: GPL-2.0-or-later
//! How fast `hmp` is: `cargo xtask bench`. Every figure is a ratio of two things done in the same
//! run, on the same QEMU.

mod apart;
mod check;
mod clients;
mod growth;
mod measure;
mod memory;
mod others;
mod prompt;
mod relay;
mod report;
mod rows;
mod terminal;
mod trees;
mod vms;

use std::path::PathBuf;

use crate::error::Error;

/// What to measure.
pub struct Options {
    /// The program, as it is released.
    pub hmp: PathBuf,
    /// The same, built without the disassembler.
    pub plain: PathBuf,
    /// The program `parity`, as it is released.
    pub parity: PathBuf,
    /// The QEMU program.
    pub qemu: PathBuf,
    /// How often each thing is done.
    pub runs: usize,
    /// Whether docs/benchmarks.md gets the tables.
    pub write: bool,
    /// Whether the tables of growth are made too.
    pub growth: bool,
}

/// Measures, and prints the tables or writes them into the manual.
pub fn run(options: &Options) -> Result<(), Error> {
    let (rows, amounts) = rows::measure(options)?;
    let figures = report::figures(&rows, &amounts);
    print(&figures);
    let mut parts = vec![("figures", figures)];
    if options.growth {
        let growth = report::growth(&growth::measure(options)?);
        print(&growth);
        parts.push(("growth", growth));
    }
    if options.write {
        report::write(&parts)?;
    }
    Ok(())
}

fn print(text: &str) {
    println!("{text}");
}

pub use self::check::check;
