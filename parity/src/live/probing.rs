// SPDX-License-Identifier: GPL-2.0-or-later
//! Asks the probes of a step.

use std::path::Path;
use std::time::Duration;

use hmp_engine::qmp::Qmp;
use serde_json::{Value, json};
use tokio::net::{TcpStream, UnixStream};

use super::vm::Vm;
use super::vnc;
use crate::case::Probe;

/// Asks one VM; the answer as text, an error as its text.
pub async fn ask(probe: &Probe, vm: &mut Vm) -> String {
    match probe {
        Probe::Qmp(request) => {
            let request: Value =
                serde_json::from_str(request).unwrap_or_else(|_| json!({"execute": request}));
            let command = request["execute"].as_str().unwrap_or_default();
            let arguments = request.get("arguments").cloned().unwrap_or_default();
            match vm.aux.execute(command, arguments).await {
                Ok(value) => serde_json::to_string_pretty(&value).unwrap_or_default(),
                Err(error) => error.to_string(),
            }
        }
        Probe::Hmp(line) => match vm.builtin.line(line).await {
            Ok(text) => text,
            Err(error) => error.to_string(),
        },
        Probe::File(name) => checksum(&vm.dir().join(name)),
        Probe::Size(name) => match std::fs::metadata(vm.dir().join(name)) {
            Ok(file) => format!("{} bytes", file.len()),
            Err(error) => error.kind().to_string(),
        },
        Probe::Trace(name) => match trace(vm, name) {
            Ok(text) => {
                let lines: Vec<_> = text.lines().map(without_stamp).collect();
                lines.join("\n")
            }
            Err(error) => error.kind().to_string(),
        },
        Probe::Image(name) => image(&vm.dir().join(name)).await,
        Probe::Vnc(password) => {
            let answer = vnc::login(&vm.dir().join("vnc.sock"), password).await;
            forget_client(vm).await;
            match answer {
                Ok(text) => text,
                Err(error) => error.kind().to_string(),
            }
        }
        Probe::Listens(at) => match listens(vm, at).await {
            Ok(()) => "listens".into(),
            Err(error) => error.kind().to_string(),
        },
        Probe::Ends => match vm.ended(PATIENCE).await {
            Some(status) => status.to_string(),
            None => "still runs".into(),
        },
    }
}

async fn listens(vm: &Vm, at: &str) -> std::io::Result<()> {
    if at == "{port}" {
        let port: u16 = vm.fill(at).parse().map_err(std::io::Error::other)?;
        let v6 = TcpStream::connect(("::1", port)).await;
        return match v6 {
            Ok(_) => Ok(()),
            Err(_) => TcpStream::connect(("127.0.0.1", port)).await.map(drop),
        };
    }
    UnixStream::connect(vm.dir().join(at)).await.map(drop)
}

/// Waits until the server has noticed that its client is gone, so that no later line shows it.
async fn forget_client(vm: &Vm) {
    for _ in 0..100 {
        let servers = vm.aux.execute("query-vnc-servers", Value::Null).await;
        let servers = servers.unwrap_or_default();
        let mut servers = servers.as_array().into_iter().flatten();
        let has_client = |server: &Value| {
            let clients = server.get("clients").and_then(Value::as_array);
            clients.is_some_and(|clients| !clients.is_empty())
        };
        if !servers.any(has_client) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// How long QEMU may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// The part of a trace file that belongs to this step.
fn trace(vm: &Vm, name: &str) -> std::io::Result<String> {
    let text = std::fs::read_to_string(vm.dir().join(name))?;
    let start = vm.traces.get(name).copied().unwrap_or(0);
    Ok(text.get(start..).unwrap_or_default().to_owned())
}

/// Ends the step for the trace files that were asked for: what they hold belongs to it.
pub fn end_step(probes: &[Probe], vm: &mut Vm) {
    for probe in probes {
        if let Probe::Trace(name) = probe
            && let Ok(text) = std::fs::read_to_string(vm.dir().join(name))
        {
            vm.traces.insert(name.clone(), text.len());
        }
    }
}

/// The checksum of what an image holds.
async fn image(path: &Path) -> String {
    let raw = path.with_extension("as-raw");
    let mut convert = tokio::process::Command::new("qemu-img");
    convert
        .args(["convert", "-U", "-O", "raw"])
        .arg(path)
        .arg(&raw);
    match convert.output().await {
        Ok(output) if output.status.success() => checksum(&raw),
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.kind().to_string(),
    }
}

/// Size and FNV-1a checksum of a file.
fn checksum(path: &Path) -> String {
    match std::fs::read(path) {
        Ok(bytes) => {
            let sum = bytes.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
            });
            format!("{} bytes, {sum:016x}", bytes.len())
        }
        Err(error) => error.kind().to_string(),
    }
}

/// Trace lines start with `PID@SECONDS.MICROSECONDS:` when the program stamps them.
fn without_stamp(line: &str) -> &str {
    match line.split_once(':') {
        Some((stamp, rest)) if stamp.contains('@') => rest,
        _ => line,
    }
}
