// SPDX-License-Identifier: GPL-2.0-or-later
//! The engine in a program of one's own: no tokio, no terminal, one blocking socket, and a command
//! that QEMU does not have.
//!
//! `cargo run --example embed -- SOCKET "info status" "info summary" "help info summary"`; the
//! environment variable `NATIVE_ONLY` forbids the built-in monitor.

use std::fmt::Write as _;
use std::future::Future;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmp_engine::command::cx::{CmdResult, Cx, NoArgs};
use hmp_engine::command::nature::Family;
use hmp_engine::command::route::Passthrough;
use hmp_engine::command::row::{Command, ROW, Route};
use hmp_engine::engine::Monitor;
use hmp_engine::format::sign::Sign as _;
use hmp_engine::host::Host;
use hmp_engine::qmp::{BoxFuture, Qmp, QmpError, QmpResult};
use hmp_engine::run;
use serde_json::{Value, json};

/// One request at a time, answered in order; events are passed over.
struct Blocking(Mutex<BufReader<UnixStream>>);

impl Blocking {
    fn connect(path: &str) -> std::io::Result<Self> {
        let mut stream = BufReader::new(UnixStream::connect(path)?);
        stream.read_line(&mut String::new())?;
        let this = Self(Mutex::new(stream));
        this.call("qmp_capabilities", Value::Null)
            .map_err(std::io::Error::other)?;
        Ok(this)
    }

    fn call(&self, command: &str, arguments: Value) -> QmpResult {
        let lost = || QmpError::Disconnected {
            command: command.to_owned(),
        };
        let mut stream: MutexGuard<'_, _> = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut request = json!({"execute": command});
        if !arguments.is_null() {
            request["arguments"] = arguments;
        }
        write!(stream.get_mut(), "{request}").map_err(|_| lost())?;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).map_err(|_| lost())? == 0 {
                return Err(lost());
            }
            let mut reply: Value =
                serde_json::from_str(&line).map_err(|e| QmpError::unexpected(command, e))?;
            if let Some(value) = reply.get_mut("return") {
                return Ok(value.take());
            }
            if let Some(error) = reply.get("error") {
                let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
                return Err(QmpError::Command {
                    class: text("class"),
                    desc: text("desc"),
                });
            }
        }
    }
}

impl Qmp for Blocking {
    fn execute<'a>(&'a self, command: &'a str, arguments: Value) -> BoxFuture<'a, QmpResult> {
        Box::pin(async move { self.call(command, arguments) })
    }
}

/// What commands need of this program: waiting for a job, and the time, in UTC.
struct Around;

impl Host for Around {
    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        std::thread::sleep(duration);
        Box::pin(async {})
    }

    fn local_time(&self, seconds: Option<i64>) -> (i64, i32) {
        let now = || {
            let since = SystemTime::now().duration_since(UNIX_EPOCH);
            since.map_or(0, |d| d.as_secs().as_signed())
        };
        (seconds.unwrap_or_else(now), 0)
    }
}

/// A row as the engine's own tables have them. The built-in monitor, which does not know the command,
/// is never asked for it.
static SUMMARY: Command = Command {
    name: "summary",
    help: "show name and state of the VM on one line",
    family: Family::Machine,
    routes: &[Route::derived(
        &["query-name", "query-status"],
        run!(summary),
    )],
    ..ROW
};

/// `info summary`.
async fn summary(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let name: Value = cx.query("query-name").await?;
    let state: Value = cx.query("query-status").await?;
    let name = name["name"].as_str().unwrap_or("a VM without a name");
    let state = state["status"].as_str().unwrap_or_default();
    writeln!(cx, "{name}: {state}")?;
    Ok(())
}

/// Nothing here waits but by blocking, so that one poll does.
fn ready<F: Future>(future: F) -> Option<F::Output> {
    match Box::pin(future)
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let socket = args.next().ok_or("usage: embed SOCKET LINE...")?;
    let passthrough = match std::env::var_os("NATIVE_ONLY") {
        Some(_) => Passthrough::Never,
        None => Passthrough::Auto,
    };
    let builder = Monitor::builder(Arc::new(Blocking::connect(&socket)?))
        .host(Arc::new(Around))
        .own_info(&SUMMARY)
        .passthrough(passthrough);
    let mut monitor = ready(builder.build()).ok_or("pending")??;
    for line in args {
        let mut text = String::new();
        let ran = ready(monitor.run_line(&line, &mut text)).ok_or("pending")?;
        text.push_str(&ran.shown_notes());
        std::io::stdout().write_all(text.as_bytes())?;
    }
    Ok(())
}
