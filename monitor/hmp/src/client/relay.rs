// SPDX-License-Identifier: GPL-2.0-or-later
//! A QMP connection through a program that carries one request at a time, as `virsh
//! qemu-monitor-command` does: no events, no descriptors.

use std::io;
use std::process::Stdio;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};
use tokio::process::Command;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;

use crate::client::{Client, ConnectError, Events, Options};

/// Bytes of a reply that are read; a longer one is an error of its request.
const LONGEST: u64 = 256 << 20;

/// Requests that are carried at a time.
const AT_ONCE: usize = 8;

/// Bytes that the two ends of the connection hold between them.
const BETWEEN: usize = 1 << 16;

/// The program that carries requests: its name, and what comes before the request on its command
/// line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carrier {
    program: String,
    arguments: Vec<String>,
}

impl Carrier {
    /// `virsh qemu-monitor-command DOMAIN`; `$HMP_VIRSH` names another program in place of `virsh`.
    #[must_use]
    pub fn virsh(domain: &str) -> Self {
        Self {
            program: std::env::var("HMP_VIRSH").unwrap_or_else(|_| "virsh".into()),
            arguments: ["qemu-monitor-command", "--domain", domain, "--cmd"]
                .map(str::to_owned)
                .into(),
        }
    }

    /// Carries a request; the reply as QEMU gave it, or why there is none.
    async fn carry(&self, request: &str) -> Result<Value, String> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .arg(request)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("can't run {}: {error}", self.program))?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (out, err, status) = tokio::join!(all(out), all(err), child.wait());
        let failed = |error: io::Error| format!("{}: {error}", self.program);
        let (out, err, status) = (
            out.map_err(failed)?,
            err.map_err(failed)?,
            status.map_err(failed)?,
        );
        match serde_json::from_slice(&out) {
            Ok(reply) => Ok(reply),
            Err(_) if !status.success() => {
                let text = String::from_utf8_lossy(&err);
                let last = text.lines().map(str::trim).rfind(|line| !line.is_empty());
                let text = last.map_or_else(|| status.to_string(), str::to_owned);
                Err(format!("{}: {text}", self.program))
            }
            Err(error) => Err(format!(
                "{}: its output is not a reply: {error}",
                self.program
            )),
        }
    }
}

async fn all(from: Option<impl tokio::io::AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(LONGEST).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// Connects through a carrier.
pub async fn connect(
    carrier: Carrier,
    options: &Options,
) -> Result<(Client, Events), ConnectError> {
    let request = json!({"execute": "query-version"}).to_string();
    let carrying = carrier.carry(&request);
    let version = match options.command_timeout {
        Some(limit) => timeout(limit, carrying).await.unwrap_or_else(|_| {
            let seconds = limit.as_secs_f64();
            Err(format!(
                "{} does not answer within {seconds} s",
                carrier.program
            ))
        }),
        None => carrying.await,
    };
    let version = match version {
        Ok(reply) => reply
            .get("return")
            .cloned()
            .ok_or_else(|| reply.to_string()),
        Err(text) => Err(text),
    };
    let version = version.map_err(|text| ConnectError::Io(io::Error::other(text)))?;
    let (ours, theirs) = duplex(BETWEEN);
    tokio::spawn(async move {
        // Who is gone needs no more replies.
        let _ = serve(theirs, carrier, &version).await;
    });
    let options = Options {
        relayed: true,
        ..*options
    };
    Client::from_stream(ours, &options).await
}

/// Requests are carried beside each other: each is a program that starts and ends.
async fn serve(stream: DuplexStream, carrier: Carrier, version: &Value) -> io::Result<()> {
    let (read, mut write) = tokio::io::split(stream);
    let greeting = json!({"QMP": {"version": version, "capabilities": []}});
    write
        .write_all(format!("{greeting}\r\n").as_bytes())
        .await?;
    let (carrier, write) = (Arc::new(carrier), Arc::new(Mutex::new(write)));
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut lines = BufReader::new(read).lines();
    while let Some(line) = lines.next_line().await? {
        let Ok(request) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        let place = Arc::clone(&places).acquire_owned().await;
        let (carrier, write) = (Arc::clone(&carrier), Arc::clone(&write));
        tokio::spawn(async move {
            let reply = answered(&carrier, request).await;
            let text = format!("{reply}\r\n");
            // Who is gone needs no reply.
            let _ = write.lock().await.write_all(text.as_bytes()).await;
            drop(place);
        });
    }
    Ok(())
}

async fn answered(carrier: &Carrier, mut request: Value) -> Value {
    let id = request
        .as_object_mut()
        .and_then(|request| request.remove("id"));
    let mut reply = match request["execute"].as_str() {
        // The carrier's own connection is through that already.
        Some("qmp_capabilities") => json!({"return": {}}),
        _ => match carrier.carry(&request.to_string()).await {
            Ok(reply) => reply,
            Err(text) => json!({"error": {"class": "GenericError", "desc": text}}),
        },
    };
    if let Some(reply) = reply.as_object_mut() {
        // libvirt numbers its requests itself.
        reply.remove("id");
        if let Some(id) = id {
            reply.insert("id".into(), id);
        }
    }
    reply
}
