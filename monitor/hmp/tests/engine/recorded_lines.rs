// SPDX-License-Identifier: GPL-2.0-or-later
//! Lines as real QEMUs answered them: each case holds the QMP exchange of our monitor and the text
//! that the built-in monitor of the same QEMU printed at the same moment for the same line.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use hmp_engine::command::route::Passthrough;
use hmp_engine::engine::Monitor;
use hmp_engine::qemu::caps::Caps;
use hmp_engine::qmp::version::Version;
use hmp_engine::qmp::{BoxFuture, Qmp, QmpError, QmpResult};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct File {
    version: [u32; 3],
    arch: String,
    commands: Vec<String>,
    /// The part of the schema that the cases need.
    schema: Value,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    line: String,
    exchange: VecDeque<Exchange>,
    text: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Exchange {
    execute: String,
    #[serde(default)]
    arguments: Value,
    #[serde(rename = "return")]
    result: Option<Value>,
    error: Option<Failure>,
}

#[derive(Clone, Debug, Deserialize)]
struct Failure {
    class: String,
    desc: String,
}

/// Answers what was recorded, in order, and nothing else.
struct Replay {
    schema: Value,
    left: Mutex<VecDeque<Exchange>>,
}

impl Replay {
    fn answer(&self, command: &str, arguments: &Value) -> QmpResult {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(next) = left.pop_front() else {
            return Err(QmpError::unexpected(command, "not recorded"));
        };
        if next.execute != command || next.arguments != *arguments {
            return Err(QmpError::unexpected(
                command,
                format!(
                    "{arguments} came instead of {} {}",
                    next.execute, next.arguments
                ),
            ));
        }
        match next.error {
            Some(Failure { class, desc }) => Err(QmpError::Command { class, desc }),
            None if command == "query-qmp-schema" => Ok(self.schema.clone()),
            None => Ok(next.result.unwrap_or_default()),
        }
    }
}

impl Qmp for Replay {
    fn execute<'a>(&'a self, command: &'a str, arguments: Value) -> BoxFuture<'a, QmpResult> {
        Box::pin(async move { self.answer(command, &arguments) })
    }

    fn execute_with_fd<'a>(
        &'a self,
        command: &'a str,
        arguments: Value,
        _: BorrowedFd<'a>,
    ) -> BoxFuture<'a, QmpResult> {
        Box::pin(async move { self.answer(command, &arguments) })
    }
}

#[tokio::test]
async fn lines_print_what_the_builtin_printed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/lines");
    let mut count = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let file: File = serde_json::from_str(&std::fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        let [major, minor, micro] = file.version;
        let version = Version {
            major,
            minor,
            micro,
        };
        for case in file.cases {
            count += 1;
            let qmp = Arc::new(Replay {
                schema: file.schema.clone(),
                left: Mutex::new(case.exchange),
            });
            let caps = Caps::from_parts(version, Some(&file.arch), file.commands.iter().cloned());
            let mut monitor = Monitor::builder(qmp.clone())
                .passthrough(Passthrough::Never)
                .build_with(caps);
            let mut text = String::new();
            let ran = crate::common::engine::run(&mut monitor, &case.line, &mut text).await;
            let left = qmp.left.lock().unwrap().len();
            if text != case.text || left > 0 {
                wrong.push(format!(
                    "{name}: {}\n expected {:?}\n got      {text:?}\n {ran:?}, {left} answers left",
                    case.line, case.text
                ));
            }
        }
    }
    assert!(count > 0, "no cases in {}", folder.display());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
