// SPDX-License-Identifier: GPL-2.0-or-later
//! Lines with what they asked of a QEMU, step by step, and what the built-in monitor answered: kept
//! in files, and played back without a QEMU.

use std::collections::VecDeque;
use std::fmt::Write;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hmp::client::Client;
use hmp::host::memfd;
use hmp_engine::command::route::Passthrough;
use hmp_engine::engine::Monitor;
use hmp_engine::guest::stream::sections;
use hmp_engine::host::{Host, MemoryFile, Risk};
use hmp_engine::qmp::{BoxFuture, Qmp, QmpError, QmpResult};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::roms::builtin;

/// What happened while a line ran.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// A request and its answer: the `return` of it, or QEMU's sentence.
    Asked(String, Value, Result<Value, String>),
    /// By which number QEMU has the file open.
    Numbered(Option<i32>),
    /// What QEMU wrote into the file that it was passed.
    Wrote(String),
}

/// A line.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Line {
    pub line: String,
    pub builtin: String,
    pub steps: Vec<Step>,
}

/// A VM at one moment.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Moment {
    pub version: (u32, u32, u32),
    pub arch: String,
    pub lines: Vec<Line>,
}

/// The folder of moments.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine/states")
}

/// Whether moments are to be written anew.
pub fn are_kept() -> bool {
    std::env::var_os("HMP_RECORD_STATES").is_some()
}

/// Writes down what lines ask of a stopped VM, and what the built-in monitor answers, but for one
/// that would freeze it.
pub async fn keep(client: &Client, name: &str, lines: &[&str], harmful: Option<&str>) {
    let recorder = Recorder(client.clone(), Arc::default());
    let builder = Monitor::builder(Arc::new(recorder.clone())).host(Arc::new(recorder.clone()));
    let builder = builder.passthrough(Passthrough::Never).allow(Risk::Risky);
    let mut monitor = builder.build().await.unwrap();
    let mut list = Vec::new();
    for line in lines {
        recorder.1.lock().unwrap().clear();
        monitor.run_line(line, &mut String::new()).await;
        let builtin = match Some(*line) == harmful {
            true => String::new(),
            false => builtin(client, line, None).await,
        };
        list.push(Line {
            line: (*line).to_owned(),
            builtin,
            steps: recorder.1.lock().unwrap().clone(),
        });
    }
    let version = monitor.caps().version;
    let moment = Moment {
        version: (version.major, version.minor, version.micro),
        arch: monitor.caps().arch.clone().unwrap(),
        lines: list,
    };
    let name = format!(
        "{}.{}-{}-{name}.json",
        version.major, version.minor, moment.arch
    );
    let text = serde_json::to_string(&moment).unwrap();
    std::fs::write(folder().join(name), text + "\n").unwrap();
}

/// A connection and a host that write down what they are asked.
#[derive(Clone)]
pub struct Recorder(pub Client, pub Arc<Mutex<Vec<Step>>>);

impl Recorder {
    fn note(&self, command: &str, arguments: &Value, answer: &QmpResult) {
        let answer = match answer {
            Ok(value) => Ok(value.clone()),
            Err(error) => Err(error.to_string()),
        };
        let step = Step::Asked(command.to_owned(), arguments.clone(), answer);
        self.1.lock().unwrap().push(step);
    }
}

impl Qmp for Recorder {
    fn execute<'a>(&'a self, command: &'a str, arguments: Value) -> BoxFuture<'a, QmpResult> {
        Box::pin(async move {
            let answer = self.0.execute(command, arguments.clone()).await;
            self.note(command, &arguments, &answer);
            answer
        })
    }

    fn execute_with_fd<'a>(
        &'a self,
        command: &'a str,
        arguments: Value,
        fd: BorrowedFd<'a>,
    ) -> BoxFuture<'a, QmpResult> {
        Box::pin(async move {
            let answer = self.0.execute_with_fd(command, arguments.clone(), fd).await;
            self.note(command, &arguments, &answer);
            answer
        })
    }

    fn sees_numbers(&self) -> bool {
        self.0.sees_numbers()
    }

    fn number_of(&self, fd: BorrowedFd<'_>) -> Option<i32> {
        let number = self.0.number_of(fd);
        self.1.lock().unwrap().push(Step::Numbered(number));
        number
    }
}

impl Host for Recorder {
    fn sleep(&self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn local_time(&self, seconds: Option<i64>) -> (i64, i32) {
        (seconds.unwrap_or(0), 0)
    }

    fn memory_file(&self) -> Option<Box<dyn MemoryFile>> {
        Some(Box::new(Recorded(memfd::create()?, self.1.clone())))
    }
}

struct Recorded(Box<dyn MemoryFile>, Arc<Mutex<Vec<Step>>>);

impl MemoryFile for Recorded {
    fn fd(&self) -> BorrowedFd<'_> {
        self.0.fd()
    }

    fn read(&self, limit: usize) -> std::io::Result<Vec<u8>> {
        let bytes = self.0.read(limit)?;
        let step = Step::Wrote(packed(&shortened(&bytes)));
        self.1.lock().unwrap().push(step);
        Ok(bytes)
    }
}

/// Sections of a state that are kept; the others say nothing of CPUs.
const KEPT: &[&str] = &["cpu", "cpu_common", "apic", "timer"];

/// A state of devices without those that nobody looks at.
fn shortened(bytes: &[u8]) -> Vec<u8> {
    let Ok(list) = sections(bytes) else {
        return bytes.to_vec();
    };
    let mut short = bytes[..8].to_vec();
    for (number, section) in (1u32..).zip(list.iter().filter(|s| KEPT.contains(&s.name))) {
        short.push(4);
        short.extend(number.to_be_bytes());
        short.push(section.name.len() as u8);
        short.extend(section.name.bytes());
        short.extend(section.instance.to_be_bytes());
        short.extend(section.version.to_be_bytes());
        short.extend(section.body);
        short.push(0x7e);
        short.extend(number.to_be_bytes());
    }
    short.push(0);
    short
}

/// Bytes as hexadecimal digits, where `z12;` stands for twelve zeros.
fn packed(bytes: &[u8]) -> String {
    let mut text = String::new();
    for run in bytes.chunk_by(|a, b| (*a == 0) == (*b == 0)) {
        match run {
            [0, _, _, _, ..] => write!(text, "z{};", run.len()).unwrap(),
            run => run
                .iter()
                .for_each(|byte| write!(text, "{byte:02x}").unwrap()),
        }
    }
    text
}

fn unpacked(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some((count, behind)) = rest.strip_prefix('z').and_then(|rest| rest.split_once(';'))
        {
            bytes.resize(bytes.len() + count.parse::<usize>().unwrap(), 0);
            rest = behind;
        } else {
            bytes.push(u8::from_str_radix(&rest[..2], 16).unwrap());
            rest = &rest[2..];
        }
    }
    bytes
}

/// Plays a line's steps back: each request must be one of those that were made.
#[derive(Default)]
pub struct Player {
    asked: Mutex<Vec<Step>>,
    wrote: Arc<Mutex<VecDeque<Vec<u8>>>>,
    numbered: Mutex<VecDeque<Option<i32>>>,
    lenient: bool,
}

impl Player {
    /// One that answers what was not recorded with an error, for damaged files.
    pub fn lenient() -> Self {
        Self {
            lenient: true,
            ..Self::default()
        }
    }

    /// Changes what QEMU wrote.
    pub fn damage(&self, change: impl FnMut(&mut Vec<u8>)) {
        self.wrote.lock().unwrap().iter_mut().for_each(change);
    }

    /// Puts the steps of a line in; those of the one before must be used up.
    pub fn line(&self, steps: &[Step]) {
        let mut asked = self.asked.lock().unwrap();
        assert_eq!(*asked, [], "not asked");
        for step in steps {
            match step {
                Step::Asked(..) => asked.push(step.clone()),
                Step::Numbered(number) => self.numbered.lock().unwrap().push_back(*number),
                Step::Wrote(text) => self.wrote.lock().unwrap().push_back(unpacked(text)),
            }
        }
    }

    fn answer(&self, command: &str, arguments: &Value) -> QmpResult {
        let mut asked = self.asked.lock().unwrap();
        let at = asked.iter().position(
            |step| matches!(step, Step::Asked(of, with, _) if of == command && with == arguments),
        );
        // Whether the VM runs says only what counts as a pause: not every recording has it.
        if at.is_none() && (self.lenient || command == "query-status") {
            return Err(QmpError::generic("not recorded"));
        }
        let at = at.unwrap_or_else(|| panic!("{command} {arguments} was not recorded"));
        match asked.remove(at) {
            Step::Asked(_, _, Ok(value)) => Ok(value),
            Step::Asked(_, _, Err(text)) => Err(QmpError::generic(text)),
            Step::Numbered(_) | Step::Wrote(_) => unreachable!(),
        }
    }
}

impl Qmp for Player {
    fn execute<'a>(&'a self, command: &'a str, arguments: Value) -> BoxFuture<'a, QmpResult> {
        let answer = self.answer(command, &arguments);
        Box::pin(async { answer })
    }

    fn execute_with_fd<'a>(
        &'a self,
        command: &'a str,
        arguments: Value,
        _: BorrowedFd<'a>,
    ) -> BoxFuture<'a, QmpResult> {
        self.execute(command, arguments)
    }

    fn sees_numbers(&self) -> bool {
        !self.numbered.lock().unwrap().is_empty()
    }

    fn number_of(&self, _: BorrowedFd<'_>) -> Option<i32> {
        self.numbered.lock().unwrap().pop_front().flatten()
    }
}

impl Host for Player {
    fn sleep(&self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn local_time(&self, seconds: Option<i64>) -> (i64, i32) {
        (seconds.unwrap_or(0), 0)
    }

    fn memory_file(&self) -> Option<Box<dyn MemoryFile>> {
        Some(Box::new(Played(memfd::create()?, self.wrote.clone())))
    }
}

struct Played(Box<dyn MemoryFile>, Arc<Mutex<VecDeque<Vec<u8>>>>);

impl MemoryFile for Played {
    fn fd(&self) -> BorrowedFd<'_> {
        self.0.fd()
    }

    fn read(&self, _: usize) -> std::io::Result<Vec<u8>> {
        Ok(self.1.lock().unwrap().pop_front().unwrap_or_default())
    }
}
