// SPDX-License-Identifier: GPL-2.0-or-later
//! Jobs that an earlier `hmp` began and did not live to clear away, or that another one is at.

use std::fmt::Write;
use std::time::Duration;

use hmp_engine::command::jobs::{self, Ended, Job};
use hmp_engine::host::{Fate, Host};
use hmp_engine::qmp::Qmp;
use hmp_engine::qmp::quote::quote;
use tokio::time::timeout;

use crate::repl::exit::Exit;
use crate::repl::screen::{Screen, say};

/// How long the question may hold up the first line.
const PATIENCE: Duration = Duration::from_secs(10);

/// Those that were left behind. A QEMU that refuses, and a lost connection, are left to the first
/// line to tell.
pub(super) async fn find(qmp: &dyn Qmp) -> Vec<Job> {
    match timeout(PATIENCE, jobs::leftover(qmp)).await {
        Ok(Ok(jobs)) => jobs,
        _ => Vec::new(),
    }
}

/// Lists those that were left behind, with how to end them.
pub(super) fn tell(jobs: &[Job], host: &dyn Host) {
    for job in jobs {
        let what = described(job);
        match job.fate(host) {
            Fate::Lives => say(&format!("{what} is another hmp's, which is at work")),
            Fate::Gone => say(&format!(
                "{what} is there from another connection; \
                 'hmp --end-jobs' ends it, or clears it away"
            )),
            Fate::Unknown => say(&format!("{what} is that of an hmp elsewhere")),
        }
    }
}

/// Ends those that were left behind and prints what became of each. What may be another's is left
/// alone.
pub(super) async fn end(qmp: &dyn Qmp, host: &dyn Host, screen: &mut Screen) -> Exit {
    let jobs = match jobs::leftover(qmp).await {
        Ok(jobs) => jobs,
        Err(error) => return failed(&error),
    };
    let mut exit = Exit::Success;
    for job in jobs {
        let before = described(&job);
        let left_alone = match job.fate(host) {
            Fate::Gone => None,
            Fate::Lives => Some("left alone: the hmp that began it is at work"),
            Fate::Unknown => Some(
                "left alone: an hmp elsewhere began it less than an hour ago, and may be at work",
            ),
        };
        if let Some(why) = left_alone {
            let _ = writeln!(screen, "{before}: {why}");
            continue;
        }
        match jobs::end(qmp, host, job).await {
            Ok(Ended::Dismissed(job)) => {
                let _ = writeln!(screen, "{before}: cleared away{}", reason(&job));
            }
            Ok(Ended::Gone) => {
                let _ = writeln!(screen, "{before}: gone");
            }
            Ok(Ended::Stuck) => {
                let _ = writeln!(screen, "{before}: told to end, and still there");
                exit = Exit::Failed;
            }
            Err(error) => return failed(&error),
        }
    }
    screen.end_answer(false);
    exit
}

fn failed(error: &hmp_engine::qmp::QmpError) -> Exit {
    say(&quote(&error.to_string()));
    if error.is_fatal() {
        Exit::Lost
    } else {
        Exit::Failed
    }
}

/// `the job ID (TYPE, STATUS)`.
fn described(job: &Job) -> String {
    let (id, kind, status) = (quote(&job.id), quote(&job.kind), quote(&job.status));
    format!("the job {id} ({kind}, {status})")
}

/// Why it failed, where it did.
fn reason(job: &Job) -> String {
    match &job.error {
        Some(error) => format!(", it had failed: {}", quote(error)),
        None => String::new(),
    }
}
