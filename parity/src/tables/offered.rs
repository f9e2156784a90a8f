// SPDX-License-Identifier: GPL-2.0-or-later
//! What a QEMU offers: a recorded one by its schema, without starting any, or one that runs.

use std::collections::BTreeMap;
use std::path::Path;

use hmp::client::address::Address;
use hmp::client::{Client, ConnectError, Options};
use hmp_engine::command::row::Present;
use hmp_engine::qemu::caps::Caps;
use hmp_engine::qmp::QmpError;
use hmp_engine::table::{INFO, MAIN};
use mock_qmp::Recording;
use serde_json::Value;

use crate::case::Qemu;
use crate::case::recordings::{self, RecordingsError};

/// QEMUs and what they offer, oldest release first.
pub type Offers = BTreeMap<Qemu, Caps>;

/// The recorded QEMUs.
pub fn recorded(path: &Path) -> Result<Offers, RecordingsError> {
    let mut found = Offers::new();
    let mut folder = None;
    for topic in recordings::topics(path)? {
        // One topic of a folder says as much as all of them.
        if topic.parent() == folder.as_deref() {
            continue;
        }
        folder = topic.parent().map(Path::to_owned);
        let broken = |e: &dyn std::fmt::Display| broken(&topic, e);
        let recording = Recording::load(&topic).map_err(|e| broken(&e))?;
        if let Some(caps) = offers(&recording).map_err(|e| broken(&e))? {
            found.entry(Qemu::of(&caps)).or_insert(caps);
        }
    }
    Ok(found)
}

/// The QEMUs of libvirt's recordings (`tests/qemucapabilitiesdata/*.replies`) in `folder`.
pub fn replies(folder: &Path) -> Result<Offers, RecordingsError> {
    let io = |e| RecordingsError::Io(folder.to_owned(), e);
    let imported = tempfile::tempdir().map_err(io)?;
    let mut found = Offers::new();
    for file in recordings::files(folder, "replies")? {
        let broken = |e: &dyn std::fmt::Display| broken(&file, e);
        let one = mock_qmp::import::libvirt(&file, imported.path()).map_err(|e| broken(&e))?;
        let recording = Recording::load(&one).map_err(|e| broken(&e))?;
        if let Some(caps) = offers(&recording).map_err(|e| broken(&e))? {
            found.entry(Qemu::of(&caps)).or_insert(caps);
        }
    }
    Ok(found)
}

fn broken(file: &Path, error: &dyn std::fmt::Display) -> RecordingsError {
    RecordingsError::Broken(file.display().to_string(), error.to_string())
}

/// What a recorded QEMU offers; nothing where its schema was not recorded.
fn offers(recording: &Recording) -> Result<Option<Caps>, serde_json::Error> {
    let Some(schema) = recording.schema() else {
        return Ok(None);
    };
    let schema: Value = serde_json::from_str(schema)?;
    let arch = recording.machine().map_or("", |m| m.arch.as_str());
    let version = recordings::version(recording);
    Ok(Some(Caps::from_parts(
        version,
        Some(arch),
        commands(&schema),
    )))
}

/// What a QEMU may have at most: every QMP command that decides whether a row is there.
#[must_use]
pub fn at_most(qemu: &Qemu) -> Caps {
    let rows = MAIN.iter().chain(INFO);
    let deciding = rows.filter_map(|row| match &row.present {
        Present::With(command) | Present::Until(_, Present::With(command)) => Some(*command),
        _ => None,
    });
    Caps::from_parts(qemu.version(), Some(qemu.arch()), deciding)
}

/// Why a QEMU that runs can't be looked at.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// No connection.
    #[error("{0}")]
    Connect(#[from] ConnectError),
    /// It does not answer as QEMU does.
    #[error("{0}")]
    Qmp(#[from] QmpError),
}

/// The QEMU behind a QMP socket.
pub async fn connected(address: &Address) -> Result<Offers, LookError> {
    let (client, _) = Client::connect(address, &Options::default()).await?;
    let caps = Caps::probe(&client).await?;
    Ok(Offers::from([(Qemu::of(&caps), caps)]))
}

/// The commands of a schema.
fn commands(schema: &Value) -> Vec<String> {
    let entities = schema.as_array().map_or(&[][..], Vec::as_slice);
    entities
        .iter()
        .filter(|e| e.get("meta-type").and_then(Value::as_str) == Some("command"))
        .filter_map(|e| Some(e.get("name")?.as_str()?.to_owned()))
        .collect()
}
