// SPDX-License-Identifier: GPL-2.0-or-later
//! What lies where in physical memory, for `xp`.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::command::cx::{CmdError, Cx};
use crate::guest::regions::{Map, Regions, SYSTEM};

/// Stands behind memory that a device may have given out.
pub(super) const DEVICE_NOTE: &str =
    "QMP does not tell a device that refuses to be read from zeros";

/// What lies where, for the CPU in use.
pub(super) async fn memory_map(cx: &mut Cx<'_>) -> Result<Map, CmdError> {
    let unavailable = |why: &str| Err(CmdError::Unavailable(format!("xp: {why}")));
    let cpus: Vec<CpuPath> = cx.query("query-cpus-fast").await?;
    let chosen = cpus
        .iter()
        .find(|cpu| Some(cpu.cpu_index) == cx.session.kept.cpu)
        .or(cpus.first());
    if let Some(cpu) = chosen {
        let get = json!({"path": cpu.qom_path, "property": "memory"});
        match cx.qmp().execute("qom-get", get).await {
            Ok(Value::String(path)) if path != SYSTEM => {
                return unavailable(
                    "this CPU has an address space of its own, which QMP does not read",
                );
            }
            Err(error) if error.is_fatal() => return Err(error.into()),
            _ => {}
        }
    }
    let blocks = cx.execute("x-query-ramblock", Value::Null).await?;
    let blocks = blocks["human-readable-text"].as_str().unwrap_or_default();
    match Map::new(&Regions::fetch(cx.qmp(), cx.caps).await?, blocks) {
        Some(map) => Ok(map),
        None => unavailable("this machine's memory is not in QOM"),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct CpuPath {
    cpu_index: i64,
    qom_path: String,
}
