// SPDX-License-Identifier: GPL-2.0-or-later
//! Rows of the prompt: until it is there, a TAB, what many events leave in memory.

use std::time::Duration;

use mock_qmp::MockQmp;
use serde_json::json;

use super::clients::{Builtin, Raw};
use super::measure::{Amount, Compared, Row, Thing, median, timed};
use super::rows::{BUILTIN, Bench, SHELL};
use super::terminal::Terminal;
use crate::error::Error;

/// What the prompts look like.
const OURS: &str = "(qemu) ";
const SHELLS: &str = "(QEMU) ";

/// A line whose last word has several ends, and the last of them.
const BEGUN: &str = "device_add e1000";
const LAST_END: &str = "e1000e";

/// What a prompt says that has no candidates yet.
const LATE: &str = "press TAB again";

/// How many events come.
const EVENTS: u64 = 100_000;

impl Bench<'_> {
    /// Until a user can type.
    pub(super) fn to_prompt(&self) -> Result<Row, Error> {
        let (qmp, builtin) = (self.small.qmp(), self.small.builtin());
        let shows = |command, prompt| timed(|| Terminal::start(&command)?.sees(prompt));
        let ours: Thing<'_> = Box::new(|| shows(self.hmp(&[], &qmp), OURS));
        let other: Thing<'_> = Box::new(|| timed(|| Builtin::connect(&builtin).map(drop)));
        let shell = self.python.clone().map(|python| -> Thing<'_> {
            let qmp = &qmp;
            Box::new(move || shows(python.shell(qmp), SHELLS))
        });
        self.row(
            "start to prompt, on a terminal",
            ours,
            vec![(BUILTIN, Ok(other)), (SHELL, shell)],
        )
    }

    /// The key TAB at a prompt, to the candidates.
    pub(super) fn tab(&self) -> Result<Row, Error> {
        let (qmp, builtin) = (self.small.qmp(), self.small.builtin());
        let ours: Thing<'_> = Box::new(|| {
            let mut terminal = Terminal::start(&self.hmp(&[], &qmp))?;
            terminal.sees(OURS)?;
            // What comes behind the prompt by itself is not waited for by a user either.
            std::thread::sleep(Duration::from_millis(100));
            timed(|| {
                terminal.types(&format!("{BEGUN}\t"))?;
                // No key is held for long: on a busy machine QEMU may not have answered by then.
                while terminal.sees_one(&[LAST_END, LATE])? == 1 {
                    terminal.types("\t")?;
                }
                Ok::<(), Error>(())
            })
        });
        let other: Thing<'_> = Box::new(|| {
            let mut builtin = Builtin::connect(&builtin)?;
            timed(|| builtin.tab(BEGUN, LAST_END))
        });
        let raw: Thing<'_> = Box::new(|| {
            let mut raw = Raw::connect(&qmp)?;
            timed(|| {
                let types = json!({"implements": "device", "abstract": false});
                raw.call("qom-list-types", &types).map(drop)
            })
        });
        self.row(
            &format!("TAB behind `{BEGUN}`, to the candidates"),
            ours,
            vec![(BUILTIN, Ok(other)), ("what it asks, raw", Ok(raw))],
        )
    }

    /// What is in memory when many events have come to a prompt.
    pub(super) fn events(&self) -> Result<Amount, Error> {
        let ours = self.after_events(|path| Ok(self.hmp(&[], path)), OURS)?;
        let python = self.python.clone();
        let shell: Compared = match python {
            Ok(python) => {
                let theirs = self.after_events(|path| Ok(python.shell(path)), SHELLS)?;
                Ok((theirs, ours / theirs))
            }
            Err(why) => Err(why),
        };
        Ok(Amount {
            what: "memory (RSS) after 100,000 events".into(),
            ours,
            others: vec![(SHELL.into(), shell)],
        })
    }

    fn after_events(
        &self,
        program: impl Fn(&std::path::Path) -> Result<std::process::Command, Error>,
        prompt: &str,
    ) -> Result<f64, Error> {
        let mut sizes = Vec::new();
        for _ in 0..self.options.runs {
            let folder = tempfile::tempdir()?;
            let path = folder.path().join("q");
            let status = json!({"status": "running", "running": true});
            let server = MockQmp::scripted()
                .command("query-status", status)
                // qmp-shell asks for `help` as it begins.
                .command("human-monitor-command", json!(""))
                .serve_unix(&path)?;
            let mut terminal = Terminal::start(&program(&path)?)?;
            terminal.sees(prompt)?;
            for number in 0..EVENTS {
                let time = json!({"seconds": number, "microseconds": 0});
                let data = json!({"device": format!("d{number}"), "path": "/machine/peripheral/d"});
                server.send_event(
                    &json!({"event": "DEVICE_DELETED", "data": data, "timestamp": time}),
                );
                if number % 100 == 0 {
                    // Nobody's queue is to run full.
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
            settled(&terminal)?;
            // A client may read them with its next line.
            terminal.types("info status\n")?;
            terminal.sees(prompt)?;
            settled(&terminal)?;
            sizes.push(terminal.memory()?);
        }
        Ok(median(sizes))
    }
}

/// Waits until a program's memory is the same for a second.
fn settled(terminal: &Terminal) -> Result<(), Error> {
    let mut last = terminal.memory()?;
    for _ in 0..60 {
        std::thread::sleep(Duration::from_secs(1));
        let now = terminal.memory()?;
        if now == last {
            return Ok(());
        }
        last = now;
    }
    Err("memory goes on growing when all events are there".into())
}
