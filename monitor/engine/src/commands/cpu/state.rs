// SPDX-License-Identifier: GPL-2.0-or-later
//! The CPUs in the state of all devices.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::command::cx::{CmdError, Cx};
use crate::guest::guards;
use crate::guest::memory::Reader;
use crate::guest::stream::{Section, Surprise, find, sections};

/// A CPU as QMP lists it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Listed {
    pub(super) cpu_index: i64,
    pub(super) qom_path: String,
}

/// The CPUs, by their numbers.
pub(super) async fn listed(cx: &mut Cx<'_>) -> Result<Vec<Listed>, CmdError> {
    let mut cpus: Vec<Listed> = cx.query("query-cpus-fast").await?;
    cpus.sort_by_key(|cpu| cpu.cpu_index);
    Ok(cpus)
}

/// The one that the session looks at: the chosen one, or the first.
pub(super) fn current<'a>(cx: &Cx<'_>, cpus: &'a [Listed]) -> Option<&'a Listed> {
    let chosen = cpus
        .iter()
        .find(|cpu| Some(cpu.cpu_index) == cx.session.cpu);
    chosen.or(cpus.first())
}

/// Reads the state of all devices, where nothing speaks against it. The VM stands still for some
/// milliseconds.
pub(super) async fn read(cx: &mut Cx<'_>) -> Result<Vec<u8>, CmdError> {
    let facts = guards::facts(cx.qmp(), cx.caps).await?;
    if let Some(why) = guards::failing(&facts) {
        return Err(CmdError::Unavailable(format!("refused: {why}")));
    }
    cx.refuse_harm("xen-save-devices-state", &Value::Null)
        .await?;
    let reader = Reader::open(cx.means()).await?;
    let state = reader.device_state().await;
    Ok(reader.close(state).await?)
}

/// The sections of a state that has exactly these CPUs.
pub(super) fn parted<'a>(state: &'a [u8], cpus: &[Listed]) -> Result<Vec<Section<'a>>, CmdError> {
    let parts = sections(state).map_err(surprised)?;
    let of_cpus = parts.iter().filter(|section| section.name == "cpu");
    let there: BTreeSet<i64> = of_cpus.map(|section| section.instance.into()).collect();
    let told: BTreeSet<i64> = cpus.iter().map(|cpu| cpu.cpu_index).collect();
    if there != told {
        let why = "its CPUs are others than QMP lists".to_owned();
        return Err(surprised(Surprise(why)));
    }
    Ok(parts)
}

/// A section of the CPU with this number.
pub(super) fn of_cpu<'a>(
    parts: &[Section<'a>],
    name: &str,
    cpu: &Listed,
) -> Result<Section<'a>, CmdError> {
    let number = u32::try_from(cpu.cpu_index);
    let number = number.map_err(|_| surprised(Surprise("a CPU has no number".into())))?;
    find(parts, name, number).map_err(surprised)
}

pub(super) fn surprised(surprise: Surprise) -> CmdError {
    CmdError::Unavailable(surprise.to_string())
}
