// SPDX-License-Identifier: GPL-2.0-or-later
//! A QEMU to learn from, started for that and ended with its handle.

use std::collections::HashSet;
use std::future::Future;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use hmp_engine::qmp::{BoxFuture, Qmp, QmpError, QmpResult};
use serde_json::{Value, json};

use crate::error::Error;

/// Longer than any QEMU takes to start or to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many were started.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// A stopped QEMU.
pub struct Qemu {
    child: Child,
    socket: PathBuf,
    /// Its QMP connection.
    pub qmp: Blocking,
}

impl Qemu {
    /// Starts `program`; fails where it ends at once, as it does with arguments that it does not
    /// take. The error has what it said.
    pub fn start(program: &Path, arguments: &[String]) -> Result<Self, Error> {
        // A QEMU in another root shares this folder.
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let socket = PathBuf::from(format!("/tmp/learn-{}-{number}", std::process::id()));
        let _ = std::fs::remove_file(&socket);
        let mut child = Command::new(program)
            .args(["-nodefaults", "-display", "none", "-S", "-qmp"])
            .arg(format!("unix:{},server=on,wait=off", socket.display()))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        match connect(&mut child, &socket) {
            Ok(qmp) => Ok(Self { child, socket, qmp }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                let mut said = String::new();
                if let Some(mut stderr) = child.stderr.take() {
                    stderr.read_to_string(&mut said)?;
                }
                Err(format!("{error}: {}", said.trim_end()).into())
            }
        }
    }
}

fn connect(child: &mut Child, socket: &Path) -> Result<Blocking, Error> {
    let begun = Instant::now();
    loop {
        // It listens before the machine is made, and greets afterwards.
        if let Ok(qmp) = Blocking::connect(socket) {
            return Ok(qmp);
        }
        if child.try_wait()?.is_some() {
            return Err("QEMU ended".into());
        }
        if begun.elapsed() > PATIENCE {
            return Err("no greeting".into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// One request at a time, answered in order; events are passed over.
pub struct Blocking(Mutex<BufReader<UnixStream>>);

impl Blocking {
    fn connect(path: &Path) -> Result<Self, Error> {
        let stream = UnixStream::connect(path)?;
        // A QEMU that hangs is not to hang this program.
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut stream = BufReader::new(stream);
        if stream.read_line(&mut String::new())? == 0 {
            return Err("closed".into());
        }
        let this = Self(Mutex::new(stream));
        this.call("qmp_capabilities", &Value::Null)?;
        Ok(this)
    }

    /// Executes a command; `arguments` is an object, or null for none.
    pub fn call(&self, command: &str, arguments: &Value) -> QmpResult {
        let lost = || QmpError::Disconnected {
            command: command.to_owned(),
        };
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut request = json!({"execute": command});
        if !arguments.is_null() {
            request["arguments"] = arguments.clone();
        }
        let request = request.to_string();
        stream
            .get_mut()
            .write_all(request.as_bytes())
            .map_err(|_| lost())?;
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
                return Err(QmpError::generic(
                    error["desc"].as_str().unwrap_or_default(),
                ));
            }
        }
    }

    /// The names of a type's properties.
    pub fn properties(&self, kind: &str) -> HashSet<String> {
        let kind = json!({"typename": kind});
        let Ok(Value::Array(list)) = self.call("qom-list-properties", &kind) else {
            return HashSet::new();
        };
        list.iter()
            .filter_map(|p| p["name"].as_str().map(str::to_owned))
            .collect()
    }
}

impl Qmp for Blocking {
    fn execute<'a>(&'a self, command: &'a str, arguments: Value) -> BoxFuture<'a, QmpResult> {
        Box::pin(async move { self.call(command, &arguments) })
    }
}

/// Nothing here ever waits, so that one poll does.
pub fn ready<F: Future>(future: F) -> Option<F::Output> {
    match Box::pin(future)
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}
