// SPDX-License-Identifier: GPL-2.0-or-later
//! What the machine has, by `info`: accelerators, threads, a TPM, crypto devices, a generation id.

use std::fmt::{self, Write};

use serde::Deserialize;

use crate::command::cx::{CmdError, CmdResult, Cx, NoArgs};
use crate::qmp::QmpError;

#[derive(Deserialize)]
struct KvmInfo {
    enabled: bool,
    present: bool,
}

/// `info kvm`.
pub async fn info_kvm(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let info: KvmInfo = cx.query("query-kvm").await?;
    let state = match (info.present, info.enabled) {
        (false, _) => "not compiled",
        (true, true) => "enabled",
        (true, false) => "disabled",
    };
    writeln!(cx, "kvm support: {state}")?;
    Ok(())
}

#[derive(Deserialize)]
struct Accelerators {
    enabled: String,
    present: Vec<String>,
}

/// `info accelerators`: the one in use in brackets.
pub async fn info_accelerators(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let info: Accelerators = cx.query("query-accelerators").await?;
    writeln!(cx, "{}", bracketed(&info))?;
    Ok(())
}

fn bracketed(info: &Accelerators) -> String {
    let words: Vec<String> = info
        .present
        .iter()
        .map(|name| {
            if *name == info.enabled {
                format!("[{name}]")
            } else {
                name.clone()
            }
        })
        .collect();
    words.join(" ")
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct IoThread {
    id: String,
    thread_id: i64,
    poll_max_ns: i64,
    poll_grow: i64,
    poll_shrink: i64,
    // From 11.1 on.
    poll_weight: Option<i64>,
    aio_max_batch: i64,
}

/// `info iothreads`.
pub async fn info_iothreads(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let threads: Vec<IoThread> = cx.query("query-iothreads").await?;
    for thread in &threads {
        print_iothread(cx, thread)?;
    }
    Ok(())
}

fn print_iothread(out: &mut dyn Write, thread: &IoThread) -> fmt::Result {
    writeln!(out, "{}:", thread.id)?;
    writeln!(out, "  thread_id={}", thread.thread_id)?;
    writeln!(out, "  poll-max-ns={}", thread.poll_max_ns)?;
    writeln!(out, "  poll-grow={}", thread.poll_grow)?;
    writeln!(out, "  poll-shrink={}", thread.poll_shrink)?;
    if let Some(weight) = thread.poll_weight {
        writeln!(out, "  poll-weight={weight}")?;
    }
    writeln!(out, "  aio-max-batch={}", thread.aio_max_batch)
}

#[derive(Deserialize)]
struct TpmInfo {
    id: String,
    model: String,
    options: TpmOptions,
}

#[derive(Deserialize)]
struct TpmOptions {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    data: TpmData,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct TpmData {
    path: Option<String>,
    cancel_path: Option<String>,
    chardev: Option<String>,
}

/// `info tpm`.
pub async fn info_tpm(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let tpms: Vec<TpmInfo> = match cx.query("query-tpm").await {
        Err(CmdError::Qmp(QmpError::Command { .. })) => return no_tpm(cx, NoArgs {}).await,
        other => other?,
    };
    if !tpms.is_empty() {
        writeln!(cx, "TPM device:")?;
    }
    for (number, tpm) in tpms.iter().enumerate() {
        print_tpm(cx, number, tpm)?;
    }
    Ok(())
}

/// `info tpm` of a QEMU built without.
pub async fn no_tpm(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    writeln!(cx, "TPM device not supported")?;
    Ok(())
}

fn print_tpm(out: &mut dyn Write, number: usize, tpm: &TpmInfo) -> fmt::Result {
    writeln!(out, " tpm{number}: model={}", tpm.model)?;
    write!(out, "  \\ {}: type={}", tpm.id, tpm.options.kind)?;
    let data = &tpm.options.data;
    let members = [
        ("path", &data.path),
        ("cancel-path", &data.cancel_path),
        ("chardev", &data.chardev),
    ];
    for (name, value) in members {
        if let Some(value) = value {
            write!(out, ",{name}={value}")?;
        }
    }
    writeln!(out)
}

#[derive(Deserialize)]
struct Cryptodev {
    id: String,
    service: Vec<String>,
    client: Vec<CryptodevClient>,
}

#[derive(Deserialize)]
struct CryptodevClient {
    queue: u32,
    #[serde(rename = "type")]
    kind: String,
}

/// `info cryptodev`.
pub async fn info_cryptodev(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    if cx.caps.preconfig {
        // QMP refuses the question; there are no devices yet.
        return Ok(());
    }
    let devices: Vec<Cryptodev> = cx.query("query-cryptodev").await?;
    for device in devices {
        let services = if device.service.is_empty() {
            "(null)".to_owned()
        } else {
            device.service.join("|")
        };
        writeln!(cx, "{}: service=[{services}]", device.id)?;
        for client in device.client {
            writeln!(cx, "    queue {}: type={}", client.queue, client.kind)?;
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct Guid {
    guid: String,
}

/// `info vm-generation-id`.
pub async fn info_vm_generation_id(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let info: Guid = cx.query("query-vm-generation-id").await?;
    writeln!(cx, "{}", info.guid)?;
    Ok(())
}

#[derive(Deserialize)]
struct DumpStatus {
    status: String,
    #[serde(default)]
    completed: i64,
    #[serde(default)]
    total: i64,
}

/// `info dump`.
pub async fn info_dump(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let info: DumpStatus = cx.query("query-dump").await?;
    print_dump(cx, &info)?;
    Ok(())
}

fn print_dump(out: &mut dyn Write, info: &DumpStatus) -> fmt::Result {
    writeln!(out, "Status: {}", info.status)?;
    if info.status == "active" && info.total != 0 {
        // Rounded to single precision on the way, as QEMU does.
        let percent = (100.0 * info.completed as f64 / info.total as f64) as f32;
        writeln!(out, "Finished: {percent:.2} %")?;
    }
    Ok(())
}

#[derive(Deserialize)]
struct ReplayInfo {
    mode: String,
    filename: Option<String>,
    icount: i64,
}

/// `info replay`.
pub async fn info_replay(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let info: ReplayInfo = cx.query("query-replay").await?;
    if info.mode == "none" {
        writeln!(cx, "Record/replay is not active")?;
        return Ok(());
    }
    let doing = if info.mode == "record" {
        "Recording"
    } else {
        "Replaying"
    };
    let file = info.filename.as_deref().unwrap_or("(null)");
    writeln!(
        cx,
        "{doing} execution '{file}': instruction count = {}",
        info.icount
    )?;
    Ok(())
}

/// `info history`: the lines typed so far, oldest first.
pub async fn info_history(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let lines = cx.host.history().unwrap_or_default();
    for (number, line) in lines.iter().enumerate() {
        writeln!(cx, "{number}: '{line}'")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn accelerators() {
        // 11.1.3.
        let info = read(json!({"present": ["tcg", "kvm"], "enabled": "tcg"}));
        assert_eq!(bracketed(&info), "[tcg] kvm");
    }

    #[test]
    fn the_weight_of_an_iothread_is_shown_where_qemu_has_it() {
        let mut answer = json!({
            "id": "io0", "thread-id": 7, "poll-max-ns": 32768, "poll-grow": 0, "poll-shrink": 0, "aio-max-batch": 0
        });
        let mut old = String::new();
        print_iothread(&mut old, &read(answer.clone())).unwrap();
        assert_eq!(
            old,
            "io0:\n  thread_id=7\n  poll-max-ns=32768\n  poll-grow=0\n  poll-shrink=0\n  aio-max-batch=0\n"
        );
        answer["poll-weight"] = 3.into();
        let mut new = String::new();
        print_iothread(&mut new, &read(answer)).unwrap();
        assert!(new.ends_with("  poll-shrink=0\n  poll-weight=3\n  aio-max-batch=0\n"));
    }

    #[test]
    fn a_dump_s_progress() {
        let mut text = String::new();
        let active = json!({"status": "active", "completed": 2, "total": 3});
        print_dump(&mut text, &read(active)).unwrap();
        let none = json!({"status": "none", "completed": 0, "total": 0});
        print_dump(&mut text, &read(none)).unwrap();
        assert_eq!(text, "Status: active\nFinished: 66.67 %\nStatus: none\n");
    }

    #[test]
    fn both_kinds_of_tpm() {
        let emulated = json!({
            "model": "tpm-crb", "id": "tpm0", "options": {"data": {"chardev": "chrtpm"}, "type": "emulator"}
        });
        let mut text = String::new();
        print_tpm(&mut text, 0, &read(emulated)).unwrap();
        let host = json!({
            "model": "tpm-tis", "id": "t", "options": {"data": {"path": "/dev/tpm0", "cancel-path": "/c"}, "type": "passthrough"}
        });
        print_tpm(&mut text, 1, &read(host)).unwrap();
        assert_eq!(
            text,
            " tpm0: model=tpm-crb\n  \\ tpm0: type=emulator,chardev=chrtpm\n tpm1: model=tpm-tis\n  \\ t: \
             type=passthrough,path=/dev/tpm0,cancel-path=/c\n"
        );
    }
}
