// SPDX-License-Identifier: GPL-2.0-or-later
//! Where a prompt comes from and goes back to: making connections and monitors on them.

use std::sync::Arc;
use std::time::Duration;

use hmp_engine::command::route::Passthrough;
use hmp_engine::engine::{Answer, Builder, Monitor};
use hmp_engine::host::Risk;
use hmp_engine::qmp::QmpError;
use tokio::time::timeout;

use super::choose::{Unchosen, named};
use super::connect::{Link, connect, dial};
use super::host::Program;
use super::list::field;
use crate::client::address::Address;
use crate::client::{Client, Options};
use crate::discover::discover;

/// How long QEMU may take to say what it offers: without that no command can run, so this belongs
/// to connecting.
const FIRST_ANSWERS: Duration = Duration::from_secs(10);

/// The same where each question is a program that is started.
const CARRIED_ANSWERS: Duration = Duration::from_secs(60);

/// How long one try to connect anew may take, and the pause between two.
const TRY: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(500);

/// How connections are made, and what monitors on them may do.
pub(super) struct Home {
    /// Where the prompt came from; none for a recording.
    pub(super) address: Option<Address>,
    pub(super) settings: Options,
    pub(super) host: Arc<Program>,
    pub(super) passthrough: Passthrough,
    pub(super) allow: Risk,
    /// Whether what programs that are gone left in QEMU is cleared away.
    pub(super) clears: bool,
    /// Whether what QEMU returns is wanted with the answers.
    pub(super) replies: bool,
    /// Whether a QEMU that comes back is connected to unasked.
    pub(super) reconnect: bool,
    /// Whether requests are carried by another program.
    pub(super) carried: bool,
    /// Whether the program ends with QEMU.
    pub(super) exit_on_end: bool,
}

impl Home {
    /// Whether a line may do no more than look, as far as is known before QEMU is asked anything.
    pub(super) fn may_look(&self, client: &Client, line: &str) -> bool {
        self.builder(client).may_look(line)
    }

    /// The answer to a line that is the only one and only looks, where QEMU need not say first what
    /// it offers, with a monitor that is of no other use.
    pub(super) async fn only_line(
        &self,
        client: &Client,
        line: &str,
    ) -> Result<Option<(Monitor, Answer)>, String> {
        let builder = self.builder(client);
        match self.limited(builder.for_line(line)).await? {
            Some(monitor) => Ok(monitor.look(line).await.map(|answer| (monitor, answer))),
            None => Ok(None),
        }
    }

    fn builder(&self, client: &Client) -> Builder {
        Monitor::builder(Arc::new(client.clone()))
            .host(self.host.clone())
            .passthrough(self.passthrough)
            .allow(self.allow)
            .patience(self.settings.command_timeout)
            .clear_leftovers(self.clears)
            .keep_replies(self.replies)
    }

    /// A monitor on a connection; the error says why there is none.
    pub(super) async fn monitor(&self, client: &Client) -> Result<Monitor, String> {
        self.limited(self.builder(client).build()).await
    }

    /// Waits for QEMU's first answers; the error says why there are none.
    async fn limited<T>(
        &self,
        answers: impl Future<Output = Result<T, QmpError>>,
    ) -> Result<T, String> {
        let limit = match self.carried {
            true => CARRIED_ANSWERS,
            false => FIRST_ANSWERS,
        };
        match timeout(limit, answers).await {
            Ok(answers) => answers.map_err(|error| error.to_string()),
            Err(_) => Err(format!(
                "connected, but QEMU does not answer within {} s; it may be busy or stuck",
                limit.as_secs()
            )),
        }
    }

    /// A connection to what a text names, or to where the prompt came from, and a monitor on it.
    pub(super) async fn connect(&self, text: Option<&str>) -> Result<(Link, Monitor), String> {
        // The program's own word on that is about its command line.
        let text_alone = text.filter(|_| self.settings.wait.is_none());
        let is_nobody = |text: &&str| matches!(named(text, discover), Err(Unchosen::None(_)));
        if let Some(text) = text_alone.filter(is_nobody) {
            return Err(format!(
                "there is no socket and no running QEMU called '{}'; 'vms' lists what runs",
                field(text)
            ));
        }
        let connected = match (text, &self.address) {
            (Some(text), _) => connect(Some(text), &self.settings, self.host.asker.prompt()).await,
            (None, Some(address)) => dial(address, &self.settings).await,
            (None, None) => return Err("a recording can't come back".into()),
        };
        let link = connected.map_err(|failure| failure.text)?;
        let monitor = self.monitor(&link.client).await?;
        Ok((link, monitor))
    }

    /// Waits until the QEMU that the prompt came from is back; for ever where it is not waited for.
    pub(super) async fn back(&self) -> (Link, Monitor) {
        let Some(address) = self.address.as_ref().filter(|_| self.reconnect) else {
            return std::future::pending().await;
        };
        let settings = Options {
            connect_timeout: TRY,
            wait: None,
            ..self.settings
        };
        loop {
            tokio::time::sleep(PAUSE).await;
            // Nothing is said of the tries that fail.
            let Ok((client, events)) = Client::connect(address, &settings).await else {
                continue;
            };
            if let Ok(monitor) = self.monitor(&client).await {
                let link = Link {
                    client,
                    events,
                    address: Some(address.clone()),
                };
                return (link, monitor);
            }
        }
    }
}
