// SPDX-License-Identifier: GPL-2.0-or-later
//! A whole engine whose QEMU answers whatever comes.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use hmp_engine::command::route::Passthrough;
use hmp_engine::engine::Monitor;
use hmp_engine::host::{NoHost, Risk};
use hmp_engine::qmp::{BoxFuture, Qmp, QmpError, QmpResult};
use hmp_engine::table::{INFO, MAIN};
use serde_json::{Value, json};

use crate::choice;

/// So many requests are answered: lines that wait for something ask again until it is there.
const MOST: usize = 100;

/// What is printed of answers of a few hundred bytes.
const LONGEST: usize = 1 << 20;

/// Answers in their order, over and over.
struct Answers {
    answers: Vec<Value>,
    asked: Mutex<usize>,
    version: Value,
}

impl Answers {
    fn next(&self, command: &str) -> QmpResult {
        let lost = || QmpError::Disconnected {
            command: command.to_owned(),
        };
        match command {
            "query-version" => return Ok(self.version.clone()),
            "query-commands" => return Ok(commands()),
            "query-target" => return Ok(json!({"arch": "x86_64"})),
            _ => {}
        }
        let mut asked = self.asked.lock().map_err(|_| lost())?;
        *asked += 1;
        if *asked > MOST {
            return Err(lost());
        }
        match self.answers.get((*asked - 1) % self.answers.len().max(1)) {
            None => Err(QmpError::generic("no answer")),
            // What stands for an error.
            Some(Value::String(text)) if text.starts_with('!') => Err(QmpError::generic(text)),
            Some(answer) => Ok(answer.clone()),
        }
    }
}

impl Qmp for Answers {
    fn execute<'a>(&'a self, command: &'a str, _: Value) -> BoxFuture<'a, QmpResult> {
        let answer = self.next(command);
        Box::pin(async { answer })
    }
}

/// All that any row needs, so that no row is missing for want of it.
fn commands() -> Value {
    let rows = || MAIN.iter().chain(INFO);
    let needs = rows().flat_map(|row| row.routes.iter().flat_map(|route| route.needs()));
    needs.map(|need| json!({ "name": need })).collect()
}

/// The first byte chooses the release. The first line is run and completed, the others are the
/// answers to it, as JSON.
pub fn engine(data: &[u8]) {
    let (release, rest) = choice(data);
    let text = String::from_utf8_lossy(rest);
    let mut parts = text.split('\n');
    let line = parts.next().unwrap_or_default();
    let (major, minor) = [(7, 2), (8, 2), (9, 1), (10, 0), (11, 1)][release % 5];
    let answers = parts.filter_map(|answer| serde_json::from_str(answer).ok());
    let qmp = Answers {
        answers: answers.take(40).collect(),
        asked: Mutex::new(0),
        version: json!({"qemu": {"major": major, "minor": minor, "micro": 0}, "package": ""}),
    };
    let builder = Monitor::builder(Arc::new(qmp)).host(Arc::new(NoHost));
    let allow = if release >= 128 {
        Risk::Risky
    } else {
        Risk::Safe
    };
    let builder = builder.passthrough(Passthrough::Never).allow(allow);
    let Ok(mut monitor) = ready(builder.build()) else {
        panic!("not built");
    };
    let _ = monitor.explain(line);
    let _ = ready(monitor.complete(line, line.len()));
    let mut out = String::new();
    let ran = ready(monitor.run_line(line, &mut out));
    assert!(
        out.len() < LONGEST + 100 * data.len(),
        "{} bytes",
        out.len()
    );
    let _ = ran.shown_notes();
}

/// The future's value: nothing here waits.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..100_000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
    panic!("it waits for nothing");
}
