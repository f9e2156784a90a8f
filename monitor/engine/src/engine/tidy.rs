// SPDX-License-Identifier: GPL-2.0-or-later
//! What a line that was given up left in QEMU, and how it is cleared away.

use std::time::Duration;

use serde_json::json;

use crate::command::jobs;
use crate::engine::monitor::Monitor;
use crate::qmp::QmpError;
use crate::qmp::quote::quote;

/// The pauses between two looks at what is still at work.
const PAUSE: Duration = Duration::from_millis(20);

impl Monitor {
    /// Whether nothing is left in QEMU of the lines so far, as far as this monitor knows.
    #[must_use]
    pub fn is_tidy(&self) -> bool {
        self.session.given.is_empty() && self.session.jobs.is_empty()
    }

    /// Clears away what a line left that was given up (its future dropped) or ran out of time:
    /// descriptors are taken back, its jobs ended. To be called then, and before the end of the
    /// program, with a limit of time: it waits until QEMU has done it. What is not done by then is
    /// tried again before the next line.
    pub async fn tidy(&mut self) -> Result<(), QmpError> {
        for id in self.session.jobs.clone() {
            // One that has ended, or can't be, is looked at below.
            match self.qmp.execute("job-cancel", json!({"id": id})).await {
                Err(error) if error.is_fatal() => return Err(error),
                _ => {}
            }
        }
        loop {
            self.tidy_once().await?;
            if self.is_tidy() {
                return Ok(());
            }
            self.host.sleep(PAUSE).await;
        }
    }

    /// Clears away what is at rest.
    pub(super) async fn tidy_once(&mut self) -> Result<(), QmpError> {
        let qmp = self.qmp.as_ref();
        if !self.session.given.is_empty() {
            self.session.given.take_back(qmp).await?;
        }
        if self.session.jobs.is_empty() {
            return Ok(());
        }
        let there = jobs::leftover(qmp).await?;
        for id in self.session.jobs.clone() {
            let job = there.iter().find(|job| job.id == id);
            if job.is_some_and(|job| job.status != "concluded") {
                continue;
            }
            if let Some(job) = job {
                qmp.execute("job-dismiss", json!({"id": id})).await?;
                let error = job.error.as_ref();
                let error = error.map_or_else(String::new, |error| format!(": {}", quote(error)));
                let ended = format!("the job {id} ({}) has ended{error}", quote(&job.kind));
                self.session.goes_on.push(ended);
            }
            self.session.jobs.retain(|other| *other != id);
        }
        Ok(())
    }

    /// The jobs of lines that were given up. They go on, and are the caller's from now on:
    /// [`jobs::see_through`] clears them away.
    pub fn leave_jobs(&mut self) -> Vec<String> {
        std::mem::take(&mut self.session.jobs)
    }

    /// What may go on in QEMU although the line that started it was given up (its future dropped)
    /// or lost its connection; told once.
    pub fn given_up(&mut self) -> Option<String> {
        let mut goes_on = std::mem::take(&mut self.session.goes_on);
        goes_on.extend(self.session.jobs.iter().map(|id| {
            format!(
                "the job {id} may go on or have ended; 'hmp --end-jobs' ends it, or clears it away"
            )
        }));
        (!goes_on.is_empty()).then(|| goes_on.join("; "))
    }
}
