// SPDX-License-Identifier: GPL-2.0-or-later
//! `memsave`, `pmemsave`: ranges of guest memory into files.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::qmp::QmpError;

/// Arguments of `memsave` and `pmemsave`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Save {
    val: i64,
    size: i64,
    filename: String,
}

impl Save {
    // QMP takes an address of 2^63 and more as a negative number on every release.
    fn request(&self) -> Value {
        json!({"val": self.val, "size": self.size, "filename": self.filename})
    }
}

/// `memsave`: virtual memory of the current CPU.
pub async fn memsave(cx: &mut Cx<'_>, args: Save) -> CmdResult {
    let mut request = args.request();
    if let Some(cpu) = cx.session.kept.cpu {
        request["cpu-index"] = cpu.into();
    }
    match cx.execute("memsave", request).await {
        Err(CmdError::Qmp(QmpError::Command { desc, .. })) if desc.contains("'cpu-index'") => {}
        other => return other.map(drop),
    }
    // The chosen CPU is gone: the first one takes its place, if there is one.
    if cx.session.kept.cpu.take().is_some() {
        match cx.execute("memsave", args.request()).await {
            Err(CmdError::Qmp(QmpError::Command { desc, .. })) if desc.contains("'cpu-index'") => {}
            other => return other.map(drop),
        }
    }
    Err(CmdError::Plain("No CPU available".into()))
}

/// `pmemsave`: physical memory.
pub async fn pmemsave(cx: &mut Cx<'_>, args: Save) -> CmdResult {
    cx.execute("pmemsave", args.request()).await?;
    Ok(())
}
