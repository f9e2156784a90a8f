// SPDX-License-Identifier: GPL-2.0-or-later
//! Jobs that we start, wait for, and clear away.
//!
//! Their ids start with [`PREFIX`] and end with their [owner](Host::owner), so that one that was
//! left behind can be told from others: [`leftover`] finds those, and [`end`] ends them.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::command::cx::{CmdError, Cx};
use crate::command::progress::Progress;
use crate::host::{Fate, Host, Stage};
use crate::qmp::{self, Qmp, QmpError};

/// How the ids of our jobs start.
pub const PREFIX: &str = "hmp-";

/// A job, as `query-jobs` describes it.
#[derive(Clone, Debug, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// What it does: `snapshot-save`, `commit`, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// Its state: `running`, `ready`, `concluded`, ...
    pub status: String,
    /// How far it is, in steps of its own.
    #[serde(rename = "current-progress")]
    pub progress: Option<u64>,
    /// How far it will have to go, in the same steps.
    #[serde(rename = "total-progress")]
    pub total: Option<u64>,
    /// Why it failed.
    pub error: Option<String>,
}

impl Job {
    /// What became of the program that began it; gone where its id says nothing of that, as those
    /// of releases before 0.2.
    #[must_use]
    pub fn fate(&self, host: &dyn Host) -> Fate {
        match owner(&self.id) {
            Some(owner) => host.fate(owner),
            None => Fate::Gone,
        }
    }
}

/// The owner's text in the id of a job of ours: what is behind the last hyphen, if it has dots.
fn owner(id: &str) -> Option<&str> {
    let (_, owner) = id.strip_prefix(PREFIX)?.rsplit_once('-')?;
    owner.contains('.').then_some(owner)
}

/// The jobs that this QEMU has.
pub async fn list(cx: &mut Cx<'_>) -> Result<Vec<Job>, CmdError> {
    cx.query("query-jobs").await
}

/// Starts a job with `command` and gives it an id of ours that names `purpose`; returns the id.
///
/// The command must take `job-id`, and the job must stay when it has ended.
pub async fn start(
    cx: &mut Cx<'_>,
    purpose: &str,
    command: &str,
    mut arguments: Map<String, Value>,
) -> Result<String, CmdError> {
    let jobs = list(cx).await?;
    let taken = |id: &str| jobs.iter().any(|job| job.id == id);
    let owner = cx
        .host
        .owner()
        .map_or_else(String::new, |o| format!("-{o}"));
    let mut id = format!("{PREFIX}{purpose}{owner}");
    let mut number = 1;
    while taken(&id) {
        number += 1;
        id = format!("{PREFIX}{purpose}-{number}{owner}");
    }
    arguments.insert("job-id".into(), id.clone().into());
    cx.session.jobs.push(id.clone());
    let started = cx.execute(command, arguments.into()).await;
    if matches!(&started, Err(error) if !is_fatal(error)) {
        forget(cx, &id);
    }
    started.map(|_| id)
}

/// A job is not there any more, as far as this line is concerned.
fn forget(cx: &mut Cx<'_>, id: &str) {
    cx.session.jobs.retain(|job| job != id);
}

/// Whether the outcome is not known.
fn is_fatal(error: &CmdError) -> bool {
    matches!(error, CmdError::Qmp(error) if error.is_fatal())
}

/// The pauses between two looks at a job: short at first.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(10),
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(500),
];

/// Waits until a job has one of these states, or has ended, or is gone. Where commands have a limit
/// of time, a job that makes no progress for that long ends the wait as theirs does.
pub async fn wait(cx: &mut Cx<'_>, id: &str, states: &[&str]) -> Result<Option<Job>, CmdError> {
    let mut looks = 0;
    let mut progress = Progress::new(cx.patience);
    loop {
        let job = list(cx).await?.into_iter().find(|job| job.id == id);
        let state = match job {
            Some(job) if job.status != "concluded" && !states.contains(&job.status.as_str()) => {
                if let (Some(done), Some(total)) = (job.progress, job.total) {
                    let bytes = job.kind != "snapshot-save" && job.kind != "snapshot-load";
                    cx.host.stage(Stage { done, total, bytes });
                }
                (job.kind, job.status, job.progress)
            }
            ended => return Ok(ended),
        };
        let kind = state.0.clone();
        progress.look(&kind, state)?;
        let pause = PAUSES[PAUSES.len().min(looks + 1) - 1];
        looks += 1;
        cx.host.sleep(pause).await;
        progress.paused(pause);
    }
}

/// Waits until a job has ended, clears it away, and says how it went. Its error is shown in the
/// row's style.
pub async fn finish(cx: &mut Cx<'_>, id: &str) -> Result<(), CmdError> {
    let Some(job) = wait(cx, id, &[]).await? else {
        forget(cx, id);
        let text = format!("the job {id} is gone, its outcome is not known");
        return Err(CmdError::Plain(text));
    };
    cx.execute("job-dismiss", json!({"id": id})).await?;
    forget(cx, id);
    match job.error {
        Some(error) => Err(CmdError::User(error)),
        None => Ok(()),
    }
}

/// The jobs of ours that are there while no line of this connection runs: left behind, or of
/// another connection.
pub async fn leftover(qmp: &dyn Qmp) -> Result<Vec<Job>, QmpError> {
    let jobs: Vec<Job> = qmp::query(qmp, "query-jobs", Value::Null).await?;
    let ours = jobs.into_iter().filter(|job| job.id.starts_with(PREFIX));
    Ok(ours.collect())
}

/// Waits until a job of ours has ended whose line was given up, and clears it away: what its line
/// would have done. None where it is gone.
pub async fn see_through(
    qmp: &dyn Qmp,
    host: &dyn Host,
    id: &str,
) -> Result<Option<Job>, QmpError> {
    let mut told = false;
    loop {
        let job = leftover(qmp).await?.into_iter().find(|job| job.id == id);
        match job {
            None => return Ok(None),
            Some(job) if job.status == "concluded" => {
                qmp.execute("job-dismiss", json!({"id": id})).await?;
                return Ok(Some(job));
            }
            Some(job) if job.kind == "commit" && job.status == "ready" && !told => {
                end_ready(qmp, id).await?;
                told = true;
            }
            Some(_) => {}
        }
        host.sleep(PAUSES[PAUSES.len() - 1]).await;
    }
}

/// Ends a job of an active image that is ready, without the turn to the base that completing it
/// would mean.
pub async fn end_ready(qmp: &dyn Qmp, id: &str) -> Result<(), QmpError> {
    let cancel = json!({"device": id, "force": false});
    qmp.execute("block-job-cancel", cancel).await.map(drop)
}

/// How often a job that was cancelled is looked at before it is left alone: about half a minute.
const LOOKS: usize = 60;

/// What became of a job that was to be ended.
#[derive(Clone, Debug)]
pub enum Ended {
    /// It ended, as told here, and was cleared away.
    Dismissed(Job),
    /// It is not there any more.
    Gone,
    /// It does not end.
    Stuck,
}

/// Cancels a job, unless it has ended, and clears it away.
pub async fn end(qmp: &dyn Qmp, host: &dyn Host, mut job: Job) -> Result<Ended, QmpError> {
    let id = job.id.clone();
    if job.status != "concluded" {
        match qmp.execute("job-cancel", json!({"id": id})).await {
            // It may have ended by itself meanwhile.
            Ok(_) | Err(QmpError::Command { .. }) => {}
            Err(other) => return Err(other),
        }
    }
    for look in 0..LOOKS {
        if job.status == "concluded" {
            qmp.execute("job-dismiss", json!({"id": id})).await?;
            return Ok(Ended::Dismissed(job));
        }
        host.sleep(PAUSES[PAUSES.len().min(look + 1) - 1]).await;
        match leftover(qmp).await?.into_iter().find(|job| job.id == id) {
            Some(same) => job = same,
            None => return Ok(Ended::Gone),
        }
    }
    Ok(Ended::Stuck)
}
