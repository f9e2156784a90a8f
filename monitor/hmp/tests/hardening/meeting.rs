// SPDX-License-Identifier: GPL-2.0-or-later
//! A row's line on a mock: what became of it, in a time that is bounded.

use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use hmp::client::frame::Limits;
use hmp::client::{Client, Options};
use hmp::host::Unattended;
use hmp_engine::command::route::Passthrough;
use hmp_engine::engine::{Monitor, Outcome};
use hmp_engine::host::{Fate, Host, MemoryFile, PrivateFile};
use hmp_engine::qmp::{BoxFuture, Qmp, QmpError, QmpResult};
use mock_qmp::{Fault, FaultKind, MockQmp};
use serde_json::{Value, json};

use crate::common::rows::Case;

/// How long what a line waits for may make no progress.
const STALLED: Duration = Duration::from_millis(400);

/// How long connecting may take, where it is to succeed.
const CONNECTING: Duration = Duration::from_secs(30);

/// What a message may be: more than any recorded answer.
const LIMITS: Limits = Limits {
    bytes: 2 << 20,
    depth: 1024,
    memory: 64 << 20,
};

/// Nothing takes longer, on a busy machine: lines that ask many questions meet a limit for each.
const LONGEST: Duration = Duration::from_secs(240);

/// How a line ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// There was no connection; why.
    Unconnected(String),
    /// Its outcome, with the text.
    Ran(Outcome, String),
}

/// A line that was run.
#[derive(Clone, Debug)]
pub struct Met {
    pub end: End,
    /// How many requests connecting took.
    pub connecting: usize,
    /// The requests of the line.
    pub asked: Vec<String>,
}

/// A host whose jobs are looked at without a pause.
struct Impatient;

impl Host for Impatient {
    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        Unattended.sleep(duration.min(Duration::from_millis(5)))
    }

    fn local_time(&self, seconds: Option<i64>) -> (i64, i32) {
        (seconds.unwrap_or(0), 0)
    }

    fn memory_file(&self) -> Option<Box<dyn MemoryFile>> {
        Unattended.memory_file()
    }

    fn private_file(&self) -> Option<Box<dyn PrivateFile>> {
        Unattended.private_file()
    }

    fn owner(&self) -> Option<String> {
        // The names of jobs are the same each time.
        Some("1.2.3.4".into())
    }

    fn fate(&self, _: &str) -> Fate {
        Fate::Lives
    }
}

/// A connection that remembers what was asked.
struct Asked {
    client: Client,
    names: Mutex<Vec<String>>,
}

impl Asked {
    fn note(&self, command: &str) {
        self.names.lock().unwrap().push(command.to_owned());
    }
}

impl Qmp for Asked {
    fn execute<'a>(&'a self, command: &'a str, arguments: Value) -> BoxFuture<'a, QmpResult> {
        self.note(command);
        self.client.execute(command, arguments)
    }

    fn execute_with_fd<'a>(
        &'a self,
        command: &'a str,
        arguments: Value,
        fd: BorrowedFd<'a>,
    ) -> BoxFuture<'a, QmpResult> {
        self.note(command);
        self.client.execute_with_fd(command, arguments, fd)
    }

    fn behind(&self) -> Option<&dyn Qmp> {
        Some(&self.client)
    }
}

/// Runs the case's line on the mock, to which the fault is added; connecting and a command may take
/// so long.
pub async fn meet(mock: MockQmp, case: &Case, fault: Option<Fault>, patience: Duration) -> Met {
    let what = fault.as_ref().map(ToString::to_string);
    let met = tokio::time::timeout(LONGEST, meeting(mock, case, fault, patience)).await;
    met.unwrap_or_else(|_| panic!("{:?} hangs with {what:?}", case.line))
}

async fn meeting(mock: MockQmp, case: &Case, fault: Option<Fault>, patience: Duration) -> Met {
    let mut mock = mock.command("query-target", json!({"arch": case.arch}));
    let folder = fault.as_ref().and_then(|fault| {
        // These are about the socket's name.
        matches!(fault.kind, FaultKind::Refuse(_) | FaultKind::Unlink)
            .then(|| tempfile::tempdir().unwrap())
    });
    let greets = !fault.as_ref().is_some_and(|fault| {
        matches!(
            fault.kind,
            FaultKind::NoGreeting | FaultKind::EndlessGreeting | FaultKind::Refuse(_)
        )
    });
    if let Some(fault) = fault {
        mock = mock.fault(fault);
    }
    let options = Options {
        connect_timeout: if greets { CONNECTING } else { patience },
        command_timeout: Some(patience),
        limits: LIMITS,
        ..Options::default()
    };
    let (server, connected) = match &folder {
        Some(folder) => {
            let path = folder.path().join("q");
            let server = mock.serve_unix(&path).unwrap();
            let address = path.to_str().unwrap().parse().unwrap();
            (server, Client::connect(&address, &options).await)
        }
        None => {
            let (server, stream) = mock.serve_in_memory().unwrap();
            (server, Client::from_unix(stream, &options).await)
        }
    };
    let unconnected = |why: String| Met {
        end: End::Unconnected(why),
        connecting: 0,
        asked: Vec::new(),
    };
    let client = match connected {
        Ok((client, _)) => client,
        Err(error) => return unconnected(error.to_string()),
    };
    let qmp = Arc::new(Asked {
        client,
        names: Mutex::default(),
    });
    let built = Monitor::builder(qmp.clone())
        .host(Arc::new(Impatient))
        .passthrough(Passthrough::Never)
        .patience(Some(STALLED))
        .build()
        .await;
    let mut monitor = match built {
        Ok(monitor) => monitor,
        Err(error) => return unconnected(error.to_string()),
    };
    let connecting = std::mem::take(&mut *qmp.names.lock().unwrap()).len();
    let mut text = String::new();
    let ran = monitor.run_line(&case.line, &mut text).await;
    text.push_str(&ran.shown_notes());
    drop(server);
    let asked = std::mem::take(&mut *qmp.names.lock().unwrap());
    Met {
        end: End::Ran(ran.outcome, text),
        connecting,
        asked,
    }
}

/// Has them all met, so many at once; in their order.
pub async fn all<T: Send + 'static>(
    meetings: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
    at_once: usize,
) -> Vec<T> {
    let tasks = meetings.into_iter().enumerate();
    let tasks = tasks.map(|(number, meeting)| async move {
        let met = tokio::spawn(meeting).await;
        // A panic is the test's own.
        let met = met.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        (number, met)
    });
    let met = stream::iter(tasks).buffer_unordered(at_once);
    let mut met: Vec<_> = met.collect().await;
    met.sort_by_key(|(number, _)| *number);
    met.into_iter().map(|(_, met)| met).collect()
}

impl End {
    /// The column of the table.
    pub fn column(&self, usual: &Self) -> &'static str {
        match self {
            same if same == usual => "as ever",
            Self::Unconnected(_) => "no connection (3)",
            Self::Ran(Outcome::Disconnected(error), _) => match error {
                QmpError::Disconnected { .. } => "lost (4)",
                QmpError::Timeout { .. } | QmpError::Stalled { .. } => "time-out (4)",
                QmpError::Protocol { .. } => "no QMP (4)",
                other => panic!("the connection ends by {other:?}"),
            },
            Self::Ran(Outcome::Failed, _) => "failed (1)",
            Self::Ran(Outcome::Done, _) => "other text (0)",
            Self::Ran(Outcome::Quit, _) => "quit (0)",
        }
    }
}

/// All columns, in their order.
pub const COLUMNS: [&str; 8] = [
    "as ever",
    "other text (0)",
    "failed (1)",
    "no connection (3)",
    "lost (4)",
    "time-out (4)",
    "no QMP (4)",
    "quit (0)",
];
