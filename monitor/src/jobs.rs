//! Jobs that we start, wait for, and clear away.
//!
//! Their ids start with [`PREFIX`], so that one that was left behind by a lost connection can be told from others.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::cx::{CmdError, Cx};

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
    /// Why it failed.
    pub error: Option<String>,
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
    let mut id = format!("{PREFIX}{purpose}");
    let mut number = 1;
    while taken(&id) {
        number += 1;
        id = format!("{PREFIX}{purpose}-{number}");
    }
    arguments.insert("job-id".into(), id.clone().into());
    cx.execute(command, arguments.into()).await?;
    Ok(id)
}

/// The pauses between two looks at a job: short at first.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(10),
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(500),
];

/// Waits until a job has one of these states, or has ended, or is gone.
pub async fn wait(cx: &mut Cx<'_>, id: &str, states: &[&str]) -> Result<Option<Job>, CmdError> {
    let mut looks = 0;
    loop {
        let job = list(cx).await?.into_iter().find(|job| job.id == id);
        match job {
            Some(job) if job.status != "concluded" && !states.contains(&job.status.as_str()) => {}
            ended => return Ok(ended),
        }
        let pause = PAUSES[PAUSES.len().min(looks + 1) - 1];
        looks += 1;
        cx.host.sleep(pause).await;
    }
}

/// Waits until a job has ended, clears it away, and says how it went. Its error is shown in the row's style.
pub async fn finish(cx: &mut Cx<'_>, id: &str) -> Result<(), CmdError> {
    let Some(job) = wait(cx, id, &[]).await? else {
        let text = format!("the job {id} is gone, its outcome is not known");
        return Err(CmdError::Plain(text));
    };
    cx.execute("job-dismiss", json!({"id": id})).await?;
    match job.error {
        Some(error) => Err(CmdError::User(error)),
        None => Ok(()),
    }
}
