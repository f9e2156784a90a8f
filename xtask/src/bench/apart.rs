// SPDX-License-Identifier: GPL-2.0-or-later
//! Rows that take other programs of this workspace: parity without a QEMU, and sizes.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::Options;
use super::clients::Builtin;
use super::measure::{Amount, Row, Thing, program, timed};
use super::rows::{BUILTIN, Bench};
use crate::error::Error;

/// Where recordings are.
const RECORDINGS: &str = "recordings";

impl Bench<'_> {
    /// All recordings compared, against as many lines asked of a QEMU, which is the least that
    /// comparing with one takes.
    pub(super) fn offline(&self) -> Result<Option<Row>, Error> {
        let parity = &self.options.parity;
        if !parity.exists() {
            super::print(&format!(
                "left out: offline parity: no {}",
                parity.display()
            ));
            return Ok(None);
        }
        let lines = recorded(Path::new(RECORDINGS))?;
        let ours: Thing<'_> = Box::new(|| {
            let mut command = Command::new(parity);
            command.args(["run", "--offline", "--baseline", "parity/baseline.tsv"]);
            program(&mut command, "")
        });
        let builtin = self.small.builtin();
        let other: Thing<'_> = Box::new(|| {
            let mut builtin = Builtin::connect(&builtin)?;
            timed(|| (0..lines).try_for_each(|_| builtin.line("info status").map(drop)))
        });
        let what = format!("offline parity, {lines} recorded lines");
        let as_many = format!("as many `info status`, {BUILTIN}");
        Ok(Some(self.row(&what, ours, vec![(&as_many, Ok(other))])?))
    }
}

/// How many answers of the built-in monitor are recorded.
fn recorded(folder: &Path) -> Result<usize, Error> {
    let mut lines = 0;
    for machine in fs::read_dir(folder)? {
        let machine = machine?.path();
        if !machine.is_dir() {
            continue;
        }
        for file in fs::read_dir(machine)? {
            let file = file?.path();
            if file.extension().is_some_and(|ext| ext == "hmp") {
                let text = fs::read_to_string(file)?;
                lines += text
                    .lines()
                    .filter(|line| line.contains("\"answer\":"))
                    .count();
            }
        }
    }
    Ok(lines)
}

/// The program's size, stripped, with and without the disassembler.
pub fn sizes(options: &Options) -> Result<Option<Amount>, Error> {
    if !options.plain.exists() {
        super::print(&format!("left out: size: no {}", options.plain.display()));
        return Ok(None);
    }
    let (ours, plain) = (stripped(&options.hmp)?, stripped(&options.plain)?);
    Ok(Some(Amount {
        what: "size of the program, stripped".into(),
        ours,
        others: vec![(
            "built without `disassembly`".into(),
            Ok((plain, ours / plain)),
        )],
    }))
}

/// In KiB.
fn stripped(path: &Path) -> Result<f64, Error> {
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("stripped");
    let status = Command::new("strip")
        .arg("-o")
        .arg(&copy)
        .arg(path)
        .status()?;
    if !status.success() {
        return Err(format!("strip {}: {status}", path.display()).into());
    }
    // Far below the numbers that a float has not.
    Ok(fs::metadata(copy)?.len() as f64 / 1024.0)
}
