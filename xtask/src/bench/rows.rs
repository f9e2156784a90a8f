// SPDX-License-Identifier: GPL-2.0-or-later
//! The rows of the table: what `hmp` does, and what a user would do it with otherwise.

use std::path::Path;
use std::process::Command;

use mock_qmp::MockQmp;
use serde_json::json;

use super::Options;
use super::apart::sizes;
use super::clients::{Builtin, Raw};
use super::measure::{Amount, Row, Thing, program, row, timed};
use super::others::Python;
use super::vms::{PORTS, Vm, with_ports};
use crate::error::Error;

/// Lines of the rows of lines.
const LINES: usize = 3000;

/// Lines that `hmp` asks ahead.
const AT_ONCE: usize = 6;

/// For programs that take long for a line.
pub(super) const FEW: usize = 300;

/// `info` lines and what they ask; a file of mixed lines takes them in turns.
const MIXED: &[(&str, &str)] = &[
    ("info status", "query-status"),
    ("info name", "query-name"),
    ("info uuid", "query-uuid"),
    ("info version", "query-version"),
    ("info kvm", "query-kvm"),
    ("info chardev", "query-chardev"),
    ("info cpus", "query-cpus-fast"),
    ("info mice", "query-mice"),
    ("info iothreads", "query-iothreads"),
    ("info block", "query-block"),
    ("info memdev", "query-memdev"),
    ("info migrate_capabilities", "query-migrate-capabilities"),
];

/// The floor's name.
const FLOOR: &str = "minimal client";
pub(super) const BUILTIN: &str = "built-in, its socket";
const OVER_QMP: &str = "human-monitor-command";
pub(super) const SHELL: &str = "qmp-shell -H";
const LIBRARY: &str = "qemu.qmp";

pub(super) type Other<'a> = (&'a str, Result<Thing<'a>, String>);

/// Measures all rows.
pub fn measure(options: &Options) -> Result<(Vec<Row>, Vec<Amount>), Error> {
    let python = Python::find();
    if let Err(why) = &python {
        super::print(&format!("left out: {SHELL} and {LIBRARY}: {why}"));
    }
    let small = Vm::start(&options.qemu, &["-M".into(), "q35".into()])?;
    let big = Vm::start(&options.qemu, &with_ports(PORTS))?;
    let bench = Bench {
        options,
        python,
        small: &small,
        big: &big,
    };
    let ports = format!("{PORTS} root ports");
    let mut rows = vec![
        bench.start()?,
        bench.one_shot()?,
        bench.lines("3,000 piped `info status`", LINES, |_| 0)?,
        bench.lines("3,000 piped `info` lines, mixed", LINES, |line| {
            line * 7 % MIXED.len()
        })?,
        bench.slow_clients()?,
        bench.to_prompt()?,
        bench.tab()?,
        bench.tree("info qom-tree", bench.big, &ports)?,
        bench.tree("info qtree", bench.big, &ports)?,
        bench.tree("info mtree", bench.small, "q35")?,
        bench.save("pmemsave")?,
        bench.save("memsave")?,
        bench.examine()?,
        bench.sum()?,
        bench.mock()?,
    ];
    rows.extend(bench.offline()?);
    let mut amounts = vec![bench.most_memory()?, bench.events()?];
    amounts.extend(sizes(options)?);
    Ok((rows, amounts))
}

/// What is measured on.
pub(super) struct Bench<'b> {
    pub(super) options: &'b Options,
    pub(super) python: Result<Python, String>,
    pub(super) small: &'b Vm,
    pub(super) big: &'b Vm,
}

impl Bench<'_> {
    pub(super) fn hmp(&self, arguments: &[&str], socket: &Path) -> Command {
        let mut command = Command::new(&self.options.hmp);
        command.args(arguments).arg(socket);
        command
    }

    pub(super) fn row(
        &self,
        what: &str,
        ours: Thing<'_>,
        others: Vec<Other<'_>>,
    ) -> Result<Row, Error> {
        row(what, self.options.runs, ours, others)
    }

    /// A program that reads lines, as its start and end would be with none.
    fn python<'a>(
        &'a self,
        make: impl Fn(&Python) -> Command + 'a,
        input: String,
    ) -> Result<Thing<'a>, String> {
        let python = self.python.clone()?;
        Ok(Box::new(move || program(&mut make(&python), &input)))
    }

    /// Until the first prompt is there, and the end.
    fn start(&self) -> Result<Row, Error> {
        let (qmp, builtin) = (self.small.qmp(), self.small.builtin());
        let ours: Thing<'_> = Box::new(|| program(&mut self.hmp(&[], &qmp), ""));
        let floor: Thing<'_> = Box::new(|| timed(|| Raw::connect(&qmp).map(drop)));
        let other: Thing<'_> = Box::new(|| timed(|| Builtin::connect(&builtin).map(drop)));
        let qmp = &qmp;
        let shell = self.python(move |python| python.shell(qmp), String::new());
        self.row(
            "start and end, no line",
            ours,
            vec![(FLOOR, Ok(floor)), (BUILTIN, Ok(other)), (SHELL, shell)],
        )
    }

    fn one_shot(&self) -> Result<Row, Error> {
        let (qmp, builtin) = (self.small.qmp(), self.small.builtin());
        let (qmp, builtin) = (&qmp, &builtin);
        let ours: Thing<'_> =
            Box::new(move || program(&mut self.hmp(&["-c", "info status"], qmp), ""));
        let floor: Thing<'_> = Box::new(move || {
            timed(|| {
                Raw::connect(qmp)?
                    .ask("{\"execute\":\"query-status\"}")
                    .map(drop)
            })
        });
        let other: Thing<'_> =
            Box::new(move || timed(|| Builtin::connect(builtin)?.line("info status").map(drop)));
        let shell = self.python(move |python| python.shell(qmp), "info status\n".into());
        let library = self.python(move |python| python.library(qmp), "query-status\n".into());
        self.row(
            "`hmp -c 'info status'`",
            ours,
            vec![
                (FLOOR, Ok(floor)),
                (BUILTIN, Ok(other)),
                (SHELL, shell),
                (LIBRARY, library),
            ],
        )
    }

    /// Lines from a pipe, one at a time elsewhere.
    fn lines(&self, what: &str, count: usize, which: fn(usize) -> usize) -> Result<Row, Error> {
        let (qmp, builtin) = (self.small.qmp(), self.small.builtin());
        let (qmp, builtin) = (&qmp, &builtin);
        let mixed: Vec<(&str, &str)> = (0..count).map(|line| MIXED[which(line)]).collect();
        let mixed = &mixed;
        let text: String = mixed.iter().map(|(line, _)| format!("{line}\n")).collect();
        let ours: Thing<'_> = Box::new(move || program(&mut self.hmp(&[], qmp), &text));
        let floor: Thing<'_> = Box::new(move || {
            let mut raw = Raw::connect(qmp)?;
            let ask = |(_, command): &(&str, &str)| {
                raw.ask(&format!("{{\"execute\":\"{command}\"}}")).map(drop)
            };
            timed(|| mixed.iter().try_for_each(ask))
        });
        let at_once: Thing<'_> = Box::new(move || {
            let mut raw = Raw::with_oob(qmp)?;
            let request = |(number, (_, command)): (usize, &(&str, &str))| {
                format!("{{\"execute\":\"{command}\",\"id\":{}}}", number % 10)
            };
            let requests: Vec<String> = mixed.iter().enumerate().map(request).collect();
            timed(|| raw.all(&requests, AT_ONCE))
        });
        let other: Thing<'_> = Box::new(move || {
            let mut builtin = Builtin::connect(builtin)?;
            timed(|| {
                mixed
                    .iter()
                    .try_for_each(|(line, _)| builtin.line(line).map(drop))
            })
        });
        let over_qmp: Thing<'_> = Box::new(move || {
            let mut raw = Raw::connect(qmp)?;
            let ask = |(line, _): &(&str, &str)| raw.ask(&over_qmp(line)).map(drop);
            timed(|| mixed.iter().try_for_each(ask))
        });
        self.row(
            what,
            ours,
            vec![
                (FLOOR, Ok(floor)),
                ("raw with `oob`, six in flight, ids", Ok(at_once)),
                (BUILTIN, Ok(other)),
                (OVER_QMP, Ok(over_qmp)),
            ],
        )
    }

    /// QEMU's own clients take long for a line.
    fn slow_clients(&self) -> Result<Row, Error> {
        let qmp = self.small.qmp();
        let qmp = &qmp;
        let text = "info status\n".repeat(FEW);
        let ours_text = text.clone();
        let ours: Thing<'_> = Box::new(move || program(&mut self.hmp(&[], qmp), &ours_text));
        let shell = self.python(move |python| python.shell(qmp), text);
        let names = "query-status\n".repeat(FEW);
        let library = self.python(move |python| python.library(qmp), names);
        self.row(
            "300 piped `info status`",
            ours,
            vec![(SHELL, shell), (LIBRARY, library)],
        )
    }

    /// Replies of the mock against those of QEMU, to the same minimal client.
    fn mock(&self) -> Result<Row, Error> {
        let qmp = self.small.qmp();
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("q");
        let status = json!({"status": "running", "running": true});
        let server = MockQmp::scripted()
            .command("query-status", status)
            .serve_unix(&path)?;
        let of = |path: std::path::PathBuf| -> Thing<'static> {
            Box::new(move || {
                let mut raw = Raw::connect(&path)?;
                timed(|| {
                    (0..LINES).try_for_each(|_| raw.ask("{\"execute\":\"query-status\"}").map(drop))
                })
            })
        };
        let measured = self.row(
            "3,000 replies of the mock",
            of(path),
            vec![("QEMU's", Ok(of(qmp)))],
        );
        drop(server);
        measured
    }
}

/// A line for the built-in monitor, over QMP.
fn over_qmp(line: &str) -> String {
    let arguments = json!({"command-line": line});
    json!({"execute": "human-monitor-command", "arguments": arguments}).to_string()
}
