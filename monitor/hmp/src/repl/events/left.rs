// SPDX-License-Identifier: GPL-2.0-or-later
//! What goes on of lines that Ctrl-C gave up at the prompt: jobs, and what QEMU was asked. Its end is
//! shown.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hmp_engine::command::jobs;
use hmp_engine::host::Host;
use hmp_engine::qmp::BoxFuture;
use hmp_engine::qmp::quote::quote;

use tokio::time::sleep;

use crate::client::Client;
use crate::repl::events::news::{PATIENCE, run_state};
use crate::repl::worker::shown;

/// How often it is looked whether QEMU has answered.
const PAUSE: Duration = Duration::from_millis(200);

/// In which state the VM is, as the end of a sentence.
async fn state(client: &Client) -> String {
    let state = run_state(client, PATIENCE).await;
    state.map_or_else(String::new, |state| {
        format!("; the VM is {}", quote(&state))
    })
}

/// Those that have not ended yet, as far as is known.
#[derive(Default)]
pub(in crate::repl) struct Left {
    ids: Vec<String>,
    ends: FuturesUnordered<BoxFuture<'static, (Option<String>, Option<String>)>>,
}

impl Left {
    /// Lets a job go on.
    pub(in crate::repl) fn add(&mut self, id: String, client: Client, host: Arc<dyn Host>) {
        self.ids.push(id.clone());
        self.ends.push(Box::pin(async move {
            let ended = jobs::see_through(&client, host.as_ref(), &id).await;
            let Some(job) = ended.ok().flatten() else {
                return (Some(id), None);
            };
            let how = match &job.error {
                Some(error) => format!("failed: {}", quote(error)),
                None => "is done".to_owned(),
            };
            let state = state(&client).await;
            let text = format!("the job {} ({}) {how}{state}", quote(&id), quote(&job.kind));
            (Some(id), Some(text))
        }));
    }

    /// Lets QEMU answer what a line asked that was given up.
    pub(in crate::repl) fn add_line(&mut self, line: &str, client: Client) {
        let line = shown(line);
        self.ends.push(Box::pin(async move {
            while client.is_behind() && client.end().is_none() {
                sleep(PAUSE).await;
            }
            let text = format!("QEMU has answered: {line}{}", state(&client).await);
            (None, client.end().is_none().then_some(text))
        }));
    }

    /// Waits until one of them has ended; what is said of it. None where there are none.
    pub(in crate::repl) async fn next(&mut self) -> Option<Option<String>> {
        let (id, text) = self.ends.next().await?;
        self.ids.retain(|other| Some(other) != id.as_ref());
        Some(text)
    }

    /// Whether there is nothing to wait for.
    pub(in crate::repl) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The jobs that go on.
    pub(in crate::repl) fn ids(&self) -> &[String] {
        &self.ids
    }
}
