// SPDX-License-Identifier: GPL-2.0-or-later
//! The control socket: one JSON object a line, each answered by one line
//! (`docs/mock-qmp.md` describes them).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use super::shared::Shared;
use crate::core::{Core, SeenRequest, shutdown, timestamp};
use crate::fault::Fault;

/// Longest line.
const LONGEST: u64 = 16 << 20;
/// Most clients at once; further ones wait.
const MOST_CLIENTS: usize = 64;
/// How long sockets may take to be there again.
const BIND_PATIENCE: Duration = Duration::from_secs(2);
/// How long a request is waited for, unless the client says.
const PATIENCE: u64 = 10_000;

/// What can be asked for.
#[derive(Debug, Deserialize)]
#[serde(
    tag = "do",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    deny_unknown_fields
)]
enum Order {
    /// Sends an event.
    Event {
        event: String,
        data: Option<serde_json::Map<String, Value>>,
    },
    /// Adds a rule in front of the others.
    Rule { rule: Value },
    /// Removes a rule.
    Remove { rule: u64 },
    /// Sets states of the script.
    Set {
        states: serde_json::Map<String, Value>,
    },
    /// Arms a fault.
    Fault { fault: String },
    /// Goes to a recorded moment.
    Moment { moment: u32 },
    /// Lists the requests behind a number.
    Requests {
        #[serde(default)]
        since: u64,
    },
    /// Waits for a request.
    Wait {
        command: String,
        #[serde(default)]
        arguments: serde_json::Map<String, Value>,
        #[serde(default)]
        since: u64,
        timeout_ms: Option<u64>,
    },
    /// Starts again, as if nobody had asked anything yet.
    Reset {},
    /// What would be reported if the machine ended now.
    Report {},
    /// Ends the machine.
    Quit {},
}

/// Serves clients until the server ends.
pub(crate) async fn run(listener: UnixListener, shared: Arc<Shared>) {
    let mut clients = JoinSet::new();
    loop {
        if clients.len() >= MOST_CLIENTS {
            clients.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, _)) => {
                let shared = shared.clone();
                clients.spawn(async move {
                    shared.with(|core, _| core.controller_came());
                    // Whoever leaves in the middle has seen enough.
                    let _ = serve(stream, &shared).await;
                    shared.with(|core, _| core.controller_left());
                });
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
        while clients.try_join_next().is_some() {}
    }
}

async fn serve(stream: UnixStream, shared: &Arc<Shared>) -> io::Result<()> {
    let (input, mut output) = stream.into_split();
    let mut input = BufReader::new(input);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut input)
            .take(LONGEST)
            .read_until(b'\n', &mut line)
            .await?;
        if read == 0 {
            return Ok(());
        }
        let too_long = line.last() != Some(&b'\n') && read as u64 == LONGEST;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let answer = match serde_json::from_slice::<Order>(&line) {
            _ if too_long => Err(format!("a line is longer than {LONGEST} bytes")),
            Err(error) => Err(error.to_string()),
            Ok(order) => carry_out(order, shared).await,
        };
        let answer = match answer {
            Ok(mut answer) => {
                answer["ok"] = true.into();
                answer
            }
            Err(error) => json!({"ok": false, "error": error}),
        };
        output.write_all(format!("{answer}\n").as_bytes()).await?;
        if too_long {
            return Ok(());
        }
    }
}

async fn carry_out(order: Order, shared: &Arc<Shared>) -> Result<Value, String> {
    let adjust = |change: Value| shared.with(|core, _| core.adjust(&change));
    match order {
        Order::Event { event, data } => {
            let name = Value::from(event);
            let data = data.map(Value::Object);
            let data = data.map_or_else(String::new, |data| format!(", \"data\": {data}"));
            let text = format!(
                "{{\"timestamp\": {}, \"event\": {name}{data}}}",
                timestamp()
            );
            shared.with(|core, now| core.push_event(text, now));
        }
        Order::Rule { rule } => return adjust(json!({"rule": rule})),
        Order::Remove { rule } => return adjust(json!({"remove": rule})),
        Order::Set { states } => return adjust(json!({"set": states})),
        Order::Fault { fault } => {
            let fault: Fault = fault.parse().map_err(|error| format!("{error}"))?;
            shared.with(|core, _| core.add_fault(fault));
        }
        Order::Moment { moment } => {
            if !shared.with(|core, now| core.go_to_moment(moment, now)) {
                return Err(format!("there is no moment {moment}"));
            }
        }
        Order::Requests { since } => {
            let requests: Vec<_> = shared.lock().seen(since).cloned().collect();
            return Ok(json!({"requests": requests}));
        }
        Order::Wait {
            command,
            arguments,
            since,
            timeout_ms,
        } => {
            let found = |core: &Core| {
                let fits = |request: &&SeenRequest| {
                    let argument = |(name, value): (&String, &Value)| {
                        request.arguments.get(name) == Some(value)
                    };
                    request.command == command && arguments.iter().all(argument)
                };
                core.seen(since).find(fits).cloned()
            };
            let limit = Duration::from_millis(timeout_ms.unwrap_or(PATIENCE));
            let came = shared.wait(|core| found(core).is_some());
            let waited = tokio::time::timeout(limit, came).await;
            let request = found(&shared.lock());
            return match (waited, request) {
                (Ok(()), Some(request)) => Ok(json!({"request": request})),
                _ => Err(format!("no {command} came within {} ms", limit.as_millis())),
            };
        }
        Order::Reset {} => {
            shared.with(|core, _| core.start_again());
            // After `quit` the sockets are made anew.
            let listening = shared.wait(|_| shared.is_listening());
            if tokio::time::timeout(BIND_PATIENCE, listening)
                .await
                .is_err()
            {
                return Err("somebody else listens on the address".to_owned());
            }
        }
        Order::Report {} => {
            let leftovers = shared.lock().leftovers();
            let clean = leftovers.is_empty();
            let text = leftovers.to_string();
            return Ok(json!({"clean": clean, "report": leftovers, "text": text}));
        }
        Order::Quit {} => shared.with(|core, now| {
            core.event(shutdown("host-signal"), now);
            core.end_for_good();
        }),
    }
    Ok(json!({}))
}
