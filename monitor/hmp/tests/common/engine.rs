// SPDX-License-Identifier: GPL-2.0-or-later
//! The engine without the built-in monitor's help, on a real QEMU or on a mock.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hmp::client::address::Address;
use hmp::client::{Client, Events, Options};
use hmp::host::Unattended;
use hmp_engine::command::route::Passthrough;
use hmp_engine::engine::{Monitor, Ran};
use mock_qmp::{Answer, MockQmp, Server};
use serde_json::Value;

use super::qemu::Qemu;

/// Connects. QEMU makes its socket a moment before it listens.
pub async fn connect(qemu: &Qemu) -> Client {
    connect_and_listen(qemu).await.0
}

/// The same, with what QEMU reports on its own.
pub async fn connect_and_listen(qemu: &Qemu) -> (Client, Events) {
    let address = Address::Unix(qemu.socket());
    for _ in 0..100 {
        if let Ok(connected) = Client::connect(&address, &Options::default()).await {
            return connected;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no connection");
}

/// The engine over a connection.
pub async fn native(client: Client) -> Monitor {
    Monitor::builder(Arc::new(client))
        .host(Arc::new(Unattended))
        .passthrough(Passthrough::Never)
        .build()
        .await
        .unwrap()
}

/// The engine on a mock, which lives as long as its server is held.
pub async fn on_mock(mock: MockQmp) -> (Server, Monitor) {
    let (server, stream) = mock.serve_in_memory().unwrap();
    let (client, _) = Client::from_unix(stream, &Options::default())
        .await
        .unwrap();
    (server, native(client).await)
}

/// The arguments of requests that a mock got, in order.
#[derive(Clone, Debug, Default)]
pub struct Requests(Arc<Mutex<Vec<Value>>>);

impl Requests {
    /// Answers a command with what `answer` makes of the arguments, and keeps those.
    pub fn of(
        &self,
        mock: MockQmp,
        command: &str,
        mut answer: impl FnMut(&Value) -> Answer + Send + 'static,
    ) -> MockQmp {
        let seen = self.0.clone();
        mock.command_with(command, move |arguments| {
            seen.lock().unwrap().push(arguments.clone());
            answer(arguments)
        })
    }

    /// The arguments so far.
    pub fn seen(&self) -> Vec<Value> {
        self.0.lock().unwrap().clone()
    }
}

/// QEMU's usual refusal.
pub fn refusal(text: &str) -> Answer {
    Answer::error("GenericError", text)
}

/// Runs a line; its notes are behind the text, as programs show them.
pub async fn run(monitor: &mut Monitor, line: &str, text: &mut String) -> Ran {
    let ran = monitor.run_line(line, text).await;
    text.push_str(&ran.shown_notes());
    ran
}
