// SPDX-License-Identifier: GPL-2.0-or-later
//! Rows of guest memory, and of what programs take of the host's.

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use super::clients::{Builtin, Raw};
use super::measure::{Amount, Compared, Row, Thing, median, program, timed};
use super::rows::{BUILTIN, Bench, FEW, SHELL};
use crate::error::Error;

/// Guest memory that is written or read: 64 MiB.
const MEMORY: u64 = 64 << 20;

/// Words that are shown: 1 MiB, as text 3 MB.
const WORDS: u64 = 1 << 18;

impl Bench<'_> {
    /// The built-in's line, with one of ours.
    fn against_builtin(
        &self,
        what: &str,
        arguments: &[&str],
        line: &str,
        more: Vec<(&str, Result<Thing<'_>, String>)>,
    ) -> Result<Row, Error> {
        let (qmp, builtin) = (self.small.qmp(), self.small.builtin());
        let ours: Thing<'_> =
            Box::new(|| program(self.hmp(arguments, &qmp).args(["-c", line]), ""));
        let other: Thing<'_> = Box::new(|| {
            let mut builtin = Builtin::connect(&builtin)?;
            timed(|| builtin.line(line).map(drop))
        });
        let mut others = more;
        others.push((BUILTIN, Ok(other)));
        self.row(what, ours, others)
    }

    /// Memory that QEMU writes into a file.
    pub(super) fn save(&self, command: &str) -> Result<Row, Error> {
        let file = self.small.file("memory");
        let line = format!("{command} 0 {MEMORY} \"{}\"", file.display());
        self.against_builtin(&format!("`{command}` of 64 MiB"), &[], &line, Vec::new())
    }

    /// Memory that is shown.
    pub(super) fn examine(&self) -> Result<Row, Error> {
        let line = format!("xp /{WORDS}xw 0");
        self.against_builtin(
            "`xp` of 1 MiB natively",
            &["--native-only"],
            &line,
            Vec::new(),
        )
    }

    /// Memory that comes over to us.
    pub(super) fn sum(&self) -> Result<Row, Error> {
        let qmp = self.small.qmp();
        let file = self.small.file("raw");
        let raw: Thing<'_> = Box::new(|| {
            let mut raw = Raw::connect(&qmp)?;
            timed(|| {
                let name = file.display().to_string();
                let arguments = json!({"val": 0, "size": MEMORY, "filename": name});
                raw.call("pmemsave", &arguments)?;
                let bytes = fs::read(&file)?;
                let sum = bytes
                    .iter()
                    .fold(0_u16, |sum, byte| sum.wrapping_add((*byte).into()));
                std::hint::black_box(sum);
                Ok::<(), std::io::Error>(())
            })
        });
        self.against_builtin(
            "`sum` of 64 MiB natively",
            &["--native-only"],
            &format!("sum 0 {MEMORY}"),
            vec![("pmemsave and a file", Ok(raw))],
        )
    }

    /// The most memory that programs use while they answer lines and wait for one more.
    pub(super) fn most_memory(&self) -> Result<Amount, Error> {
        let qmp = self.small.qmp();
        let ours = most(&mut self.hmp(&[], &qmp), self.options.runs)?;
        let shell: Compared = match &self.python {
            Ok(python) => {
                let theirs = most(&mut python.shell(&qmp), self.options.runs)?;
                Ok((theirs, ours / theirs))
            }
            Err(why) => Err(why.clone()),
        };
        Ok(Amount {
            what: format!("most memory (RSS), {FEW} lines"),
            ours,
            others: vec![(SHELL.into(), shell)],
        })
    }
}

/// In KiB.
fn most(command: &mut Command, runs: usize) -> Result<f64, Error> {
    let mut sizes = Vec::new();
    for _ in 0..runs {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (Some(mut input), Some(mut output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("no pipes".into());
        };
        let reading = std::thread::spawn(move || output.read_to_end(&mut Vec::new()));
        input.write_all("info status\n".repeat(FEW).as_bytes())?;
        input.flush()?;
        std::thread::sleep(Duration::from_secs(1));
        let status = fs::read_to_string(format!("/proc/{}/status", child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let size = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        sizes.push(size.ok_or("no VmHWM")?);
        drop(input);
        child.wait()?;
        drop(reading.join());
    }
    Ok(median(sizes))
}
