// SPDX-License-Identifier: GPL-2.0-or-later
//! What recorded lines ask of QEMU: the engine runs a topic on the mock, and its requests are
//! written down, line by line.

use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use hmp::client::Client;
use hmp::host::Unattended;
use hmp_engine::command::route::Passthrough;
use hmp_engine::engine::Monitor;
use hmp_engine::qmp::{BoxFuture, Qmp, QmpResult};
use mock_qmp::Recording;
use serde_json::{Map, Value};

use super::run::{run_line, strict, topic_name};
use super::session::relayed;
use crate::case::recordings::{self, RecordingsError};
use crate::judge::{Entry, Kind, RouteTaken};
use crate::live::side::Side;

/// A line that ran, and the QMP requests that it sent.
#[derive(Debug)]
pub struct Asked {
    /// The line, with both answers and its verdict.
    pub entry: Entry,
    /// The requests in their order, as QMP has them without an `id`.
    pub requests: Vec<Value>,
    /// Whether the command's arguments were read without a mistake.
    pub is_read: bool,
}

impl Asked {
    /// Whether our own code gave the built-in's answer, by asking QEMU or without, and the command
    /// succeeded.
    #[must_use]
    pub fn is_right(&self) -> bool {
        let own = !matches!(
            self.entry.route,
            Some(RouteTaken::Passthrough | RouteTaken::Refused)
        );
        let succeeded = !matches!(self.entry.kind, None | Some(Kind::Error));
        own && succeeded && self.entry.verdict.passes()
    }
}

/// Runs one topic without the built-in monitor, and without the permission to risk anything.
pub fn topic(path: &Path) -> Result<Vec<Asked>, RecordingsError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| RecordingsError::Io(path.to_owned(), e))?;
    runtime.block_on(run(path))
}

async fn run(path: &Path) -> Result<Vec<Asked>, RecordingsError> {
    let name = topic_name(path);
    let broken = |e: &dyn std::fmt::Display| RecordingsError::Broken(name.clone(), e.to_string());
    let recording = Recording::load(path).map_err(|e| broken(&e))?;
    let lines = recording.builtin().to_vec();
    let qemu = recordings::qemu(&recording);
    let folder = tempfile::tempdir().map_err(|e| broken(&e))?;
    let mock = strict(recording, folder.path());
    let (server, stream) = mock.serve_in_memory().map_err(|e| broken(&e))?;
    let (client, _) = Client::from_unix(stream, &relayed())
        .await
        .map_err(|e| broken(&e))?;
    let noted = Arc::new(Noted {
        qmp: client,
        requests: Mutex::default(),
    });
    let qmp = Arc::clone(&noted);
    let builder = Monitor::builder(qmp).host(Arc::new(Unattended));
    let monitor = builder.passthrough(Passthrough::Never).build().await;
    let mut side = Side::engine(monitor.map_err(|e| broken(&e))?);
    let mut asked = Vec::new();
    let mut moment = 0;
    for line in lines {
        if line.moment > moment {
            moment = line.moment;
            server.go_to_moment(moment);
        }
        noted.take();
        let mut entry = Entry::new(&name, &qemu, &line.line);
        let is_read = side.plan(&line.line).is_read;
        run_line(&mut side, &line, &mut entry).await;
        asked.push(Asked {
            entry,
            requests: noted.take(),
            is_read,
        });
    }
    side.end().await;
    Ok(asked)
}

/// A connection that writes down what is asked.
struct Noted {
    qmp: Client,
    requests: Mutex<Vec<Value>>,
}

impl Noted {
    fn note(&self, command: &str, arguments: &Value) {
        let mut request = Map::new();
        request.insert("execute".into(), command.into());
        if !arguments.is_null() {
            request.insert("arguments".into(), arguments.clone());
        }
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.push(Value::Object(request));
    }

    /// The requests since this was asked last.
    fn take(&self) -> Vec<Value> {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut requests)
    }
}

impl Qmp for Noted {
    fn execute<'a>(&'a self, command: &'a str, arguments: Value) -> BoxFuture<'a, QmpResult> {
        self.note(command, &arguments);
        self.qmp.execute(command, arguments)
    }

    fn execute_with_fd<'a>(
        &'a self,
        command: &'a str,
        arguments: Value,
        fd: BorrowedFd<'a>,
    ) -> BoxFuture<'a, QmpResult> {
        self.note(command, &arguments);
        self.qmp.execute_with_fd(command, arguments, fd)
    }

    fn behind(&self) -> Option<&dyn Qmp> {
        Some(&self.qmp)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn requests_belong_to_their_lines() {
        let path = Path::new(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../recordings/10.0-x86_64-q35/main.qmp"
        ));
        let asked = topic(path).unwrap();
        let of = |line: &str| asked.iter().find(|one| one.entry.line == line).unwrap();
        let status = of("info status");
        assert!(status.is_right());
        assert_eq!(status.requests, [json!({"execute": "query-status"})]);
        let name = of("info name");
        assert_eq!(name.requests, [json!({"execute": "query-name"})]);
        assert_eq!(name.entry.builtin, name.entry.ours);
    }
}
