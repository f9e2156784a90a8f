// SPDX-License-Identifier: GPL-2.0-or-later
//! The CPUs in the state of all devices, for whom that is not too risky.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::command::cx::{CmdError, Cx};
use crate::guest::guards;
use crate::guest::memory::Reader;
use crate::guest::registers::{State, is_narrow};
use crate::guest::stream::{Section, Surprise, find, sections};
use crate::guest::x86::apic::{self, Apic};
use crate::guest::x86::names::Deep;
use crate::guest::x86::section::{self, Whole};

/// The QMP commands that it takes.
pub(crate) const NEEDS: &[&str] = &[
    "query-cpus-fast",
    "qom-get",
    "query-status",
    "query-migrate",
    "qom-list",
    "add-fd",
    "xen-save-devices-state",
    "remove-fd",
];

/// A CPU as QMP lists it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Listed {
    pub(crate) cpu_index: i64,
    pub(crate) qom_path: String,
}

/// The CPUs, by their numbers.
pub(crate) async fn listed(cx: &mut Cx<'_>) -> Result<Vec<Listed>, CmdError> {
    let mut cpus: Vec<Listed> = cx.query("query-cpus-fast").await?;
    cpus.sort_by_key(|cpu| cpu.cpu_index);
    Ok(cpus)
}

/// The one that the session looks at: the chosen one, or the first.
pub(crate) fn current<'a>(cx: &Cx<'_>, cpus: &'a [Listed]) -> Option<&'a Listed> {
    let chosen = cpus
        .iter()
        .find(|cpu| Some(cpu.cpu_index) == cx.session.kept.cpu);
    chosen.or(cpus.first())
}

/// Reads the state of all devices, where nothing speaks against it. The VM stands still for some
/// milliseconds.
pub(crate) async fn read(cx: &mut Cx<'_>) -> Result<Vec<u8>, CmdError> {
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
pub(crate) fn parted<'a>(state: &'a [u8], cpus: &[Listed]) -> Result<Vec<Section<'a>>, CmdError> {
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
pub(crate) fn of_cpu<'a>(
    parts: &[Section<'a>],
    name: &str,
    cpu: &Listed,
) -> Result<Section<'a>, CmdError> {
    let number = u32::try_from(cpu.cpu_index);
    let number = number.map_err(|_| surprised(Surprise("a CPU has no number".into())))?;
    find(parts, name, number).map_err(surprised)
}

/// The section of the CPU that the session looks at, as `read_section` reads it, and the CPU; none where there
/// is no CPU.
pub(crate) async fn current_cpu<T>(
    cx: &mut Cx<'_>,
    read_section: impl Fn(&Section<'_>) -> Result<T, Surprise> + Send,
) -> Result<Option<(T, Listed)>, CmdError> {
    let cpus = listed(cx).await?;
    let Some(cpu) = current(cx, &cpus) else {
        return Ok(None);
    };
    let state = read(cx).await?;
    let parts = parted(&state, &cpus)?;
    let value = read_section(&of_cpu(&parts, "cpu", cpu)?).map_err(surprised)?;
    Ok(Some((value, cpu.clone())))
}

/// The whole state of the x86 CPU that the session looks at; none where there is no CPU.
pub(crate) async fn whole(cx: &mut Cx<'_>) -> Result<Option<Whole>, CmdError> {
    Ok(with_apic(cx).await?.map(|(whole, _)| whole))
}

/// The registers of that CPU that expressions know.
pub(crate) async fn registers(cx: &mut Cx<'_>) -> Result<State, CmdError> {
    let cpu = with_apic(cx).await?.map(|(whole, apic)| {
        let deep = Deep {
            priority: apic.map_or(0, |apic| apic.priority),
            efer: whole.efer,
            fpu_control: whole.fpu_control,
            fpu_status: whole.fpu_status,
        };
        (whole.cpu, deep)
    });
    Ok(State::whole(cpu))
}

async fn with_apic(cx: &mut Cx<'_>) -> Result<Option<(Whole, Option<Apic>)>, CmdError> {
    let cpus = listed(cx).await?;
    let Some(cpu) = current(cx, &cpus) else {
        return Ok(None);
    };
    let get = json!({"path": cpu.qom_path, "property": "apic-id"});
    let id = cx.execute("qom-get", get).await?.as_u64();
    let state = read(cx).await?;
    let parts = parted(&state, &cpus)?;
    let narrow = is_narrow(cx.caps);
    let whole = section::read(&of_cpu(&parts, "cpu", cpu)?, narrow).map_err(surprised)?;
    let mut apics = parts.iter().filter(|section| section.name == "apic");
    let apic = apics.find(|section| Some(u64::from(section.instance)) == id);
    let apic = apic.map(apic::read).transpose().map_err(surprised)?;
    Ok(Some((whole, apic)))
}

pub(crate) fn surprised(surprise: Surprise) -> CmdError {
    CmdError::Unavailable(surprise.to_string())
}
