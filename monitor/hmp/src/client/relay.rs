// SPDX-License-Identifier: GPL-2.0-or-later
//! A QMP connection through a program that carries one request at a time, as `virsh
//! qemu-monitor-command` does: no events, no descriptors.

use std::io;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use hmp_engine::qmp::quote::quote;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};
use tokio::process::Command;
use tokio::sync::{Mutex, Notify, Semaphore};
use tokio::time::{sleep, timeout};

use crate::client::{Client, ConnectError, Events, Options};

/// Bytes of a reply that are read; a longer one is an error of its request.
const LONGEST: u64 = 256 << 20;

/// Characters of what a program says of a failure that are passed on.
const SAID: usize = 2000;

/// How long the program may take to say whether the VM is there.
const SOON: Duration = Duration::from_secs(5);

/// How often it is asked, and the time in between.
const LOOKS: usize = 10;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// Requests that are carried at a time.
const AT_ONCE: usize = 8;

/// Bytes that the two ends of the connection hold between them.
const BETWEEN: usize = 1 << 16;

/// The program that carries requests: its name, what comes before the request on its command line,
/// and what makes it print a number as long as the VM is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carrier {
    program: String,
    arguments: Vec<String>,
    number: Vec<String>,
}

impl Carrier {
    /// `virsh qemu-monitor-command DOMAIN`, and `virsh domid DOMAIN`, which prints `-` for one that
    /// is shut off; `$HMP_VIRSH` names another program in place of `virsh`.
    #[must_use]
    pub fn virsh(domain: &str) -> Self {
        Self {
            program: std::env::var("HMP_VIRSH").unwrap_or_else(|_| "virsh".into()),
            arguments: ["qemu-monitor-command", "--domain", domain, "--cmd"]
                .map(str::to_owned)
                .into(),
            number: ["domid", "--domain", domain].map(str::to_owned).into(),
        }
    }

    /// Whether the VM is still there, after a request failed. The program may know less of its end
    /// than the request that failed by it.
    async fn stays(&self) -> bool {
        for _ in 0..LOOKS {
            if !self.is_there().await {
                return false;
            }
            sleep(BETWEEN_LOOKS).await;
        }
        true
    }

    async fn is_there(&self) -> bool {
        let asked = Command::new(&self.program)
            .args(&self.number)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .output();
        // Who can't say does not say that it is gone.
        let Ok(Ok(asked)) = timeout(SOON, asked).await else {
            return true;
        };
        let number = asked.stdout.trim_ascii();
        asked.status.success() && !number.is_empty() && number.iter().all(u8::is_ascii_digit)
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
                let text = said(&err);
                let text = if text.is_empty() {
                    status.to_string()
                } else {
                    text
                };
                Err(format!("{}: {text}", self.program))
            }
            Err(error) => Err(format!(
                "{}: its output is not a reply: {error}",
                self.program
            )),
        }
    }
}

/// What a program wrote to standard error, on one line: its lines, of which the last are kept where
/// there are too many.
fn said(err: &[u8]) -> String {
    let text = String::from_utf8_lossy(err);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut kept = Vec::new();
    let mut room = SAID;
    for line in lines.rev() {
        let length = line.chars().count();
        if length > room {
            kept.push("...".to_owned());
            break;
        }
        room -= length;
        kept.push(quote(line).into_owned());
    }
    kept.reverse();
    kept.join("; ")
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

/// Requests are carried beside each other: each is a program that starts and ends. Where the VM is
/// gone, so is the connection, as QEMU's own would be.
async fn serve(stream: DuplexStream, carrier: Carrier, version: &Value) -> io::Result<()> {
    let (read, mut write) = tokio::io::split(stream);
    let greeting = json!({"QMP": {"version": version, "capabilities": []}});
    write
        .write_all(format!("{greeting}\r\n").as_bytes())
        .await?;
    let (carrier, write) = (Arc::new(carrier), Arc::new(Mutex::new(write)));
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let gone = Arc::new(Notify::new());
    let mut lines = BufReader::new(read).lines();
    loop {
        let line = tokio::select! {
            line = lines.next_line() => line?,
            () = gone.notified() => None,
        };
        let Some(line) = line else {
            return Ok(());
        };
        let Ok(request) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        let place = Arc::clone(&places).acquire_owned().await;
        let (carrier, write) = (Arc::clone(&carrier), Arc::clone(&write));
        let gone = Arc::clone(&gone);
        tokio::spawn(async move {
            let Some(reply) = answered(&carrier, request).await else {
                gone.notify_one();
                return;
            };
            let text = format!("{reply}\r\n");
            // Who is gone needs no reply.
            let _ = write.lock().await.write_all(text.as_bytes()).await;
            drop(place);
        });
    }
}

/// The reply to a request; none where the VM is gone.
async fn answered(carrier: &Carrier, mut request: Value) -> Option<Value> {
    let id = request
        .as_object_mut()
        .and_then(|request| request.remove("id"));
    let mut reply = match request["execute"].as_str() {
        // The carrier's own connection is through that already.
        Some("qmp_capabilities") => json!({"return": {}}),
        _ => match carrier.carry(&request.to_string()).await {
            Ok(reply) => reply,
            Err(_) if !carrier.stays().await => return None,
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
    Some(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_a_program_says_is_passed_on() {
        assert_eq!(said(b"error: a\n\n error: b\n"), "error: a; error: b");
        let long = "x".repeat(SAID);
        assert_eq!(said(format!("{long}\nb").as_bytes()), "...; b");
        assert_eq!(said(b"\n"), "");
    }
}
