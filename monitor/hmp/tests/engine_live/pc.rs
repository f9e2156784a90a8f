// SPDX-License-Identifier: GPL-2.0-or-later
//! PCs whose CPUs are asked for on both sides.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::common::engine::run;
use crate::common::qemu::qemus;
use crate::common::roms::builtin;
use hmp::client::Client;
use hmp::host::Unattended;
use hmp_engine::command::route::Passthrough;
use hmp_engine::engine::Monitor;
use hmp_engine::host::Risk;

/// Those of x86.
pub fn pcs() -> impl Iterator<Item = PathBuf> {
    qemus().into_iter().filter(|program| {
        let name = program.file_name().unwrap().to_string_lossy();
        name.contains("x86_64") || name.contains("i386")
    })
}

/// Whether this QEMU's CPUs have that mode.
pub fn has(program: &Path, mode: &str) -> bool {
    let wide = program.to_string_lossy().contains("x86_64");
    wide || matches!(mode, "flat" | "paging" | "pae")
}

pub async fn monitor(client: &Client, allow: Risk) -> Monitor {
    let builder = Monitor::builder(Arc::new(client.clone())).host(Arc::new(Unattended));
    let builder = builder.passthrough(Passthrough::Never).allow(allow);
    builder.build().await.unwrap()
}

/// Compares a line on both; says whether the built-in answers something else than an error.
pub async fn alike(
    monitor: &mut Monitor,
    client: &Client,
    what: &str,
    line: &str,
    cpu: i64,
) -> bool {
    let theirs = builtin(client, line, Some(cpu)).await;
    let mut ours = String::new();
    let ran = run(monitor, line, &mut ours).await;
    assert_eq!(ours, theirs, "{what}: {line} of CPU {cpu}: {ran:?}");
    !theirs.contains("unknown register")
}

pub async fn chosen(monitor: &mut Monitor, cpu: i64) {
    let mut text = String::new();
    run(monitor, &format!("cpu {cpu}"), &mut text).await;
    assert_eq!(text, "");
}

/// What of `info registers` may differ: exceptions that SSE arithmetic raised, which QEMU's own code
/// for a CPU keeps apart until the built-in monitor asks.
pub fn without_sticky(text: &str) -> String {
    let masked = |line: &str| match line.split_once(" MXCSR=") {
        Some((before, value)) => {
            let value = u32::from_str_radix(value, 16).unwrap() & !0x3f;
            format!("{before} MXCSR={value:08x}\n")
        }
        None => format!("{line}\n"),
    };
    text.lines().map(masked).collect()
}
