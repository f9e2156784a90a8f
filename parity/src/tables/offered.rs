//! What a QEMU offers: a recorded one by its schema, without starting any, or one that runs.

use std::collections::BTreeMap;
use std::path::Path;

use mock_qmp::Recording;
use monitor::command::Present;
use monitor::qmp::QmpError;
use monitor::qmp::address::Address;
use monitor::qmp::caps::Caps;
use monitor::qmp::client::{Client, ConnectError, Options};
use monitor::table::{INFO, MAIN};
use monitor::version::Version;
use serde_json::Value;

use crate::live::qemu::parse_version;
use crate::recorded::run::OfflineError;

/// The recorded QEMUs by label (`10.0-x86_64`), oldest release first.
pub fn recorded(recordings: &Path) -> Result<Vec<(String, Caps)>, OfflineError> {
    let mut found: BTreeMap<(Version, String), (String, Caps)> = BTreeMap::new();
    let mut folder = None;
    for topic in crate::recorded::run::topics(recordings)? {
        let broken = |e: &dyn std::fmt::Display| {
            OfflineError::Broken(topic.display().to_string(), e.to_string())
        };
        // One topic of a folder says as much as all of them.
        if topic.parent() == folder.as_deref() {
            continue;
        }
        folder = topic.parent().map(Path::to_owned);
        let recording = Recording::load(&topic).map_err(|e| broken(&e))?;
        if let Some((label, caps)) = offers(&recording).map_err(|e| broken(&e))? {
            let key = (caps.version, label.clone());
            found.entry(key).or_insert((label, caps));
        }
    }
    Ok(found.into_values().collect())
}

/// The QEMUs of libvirt's recordings (`tests/qemucapabilitiesdata/*.replies`) in `folder`, by label.
pub fn replies(folder: &Path) -> Result<Vec<(String, Caps)>, OfflineError> {
    let io = |e| OfflineError::Io(folder.to_owned(), e);
    let recordings = tempfile::tempdir().map_err(io)?;
    let mut found = Vec::new();
    for file in crate::recorded::run::files(folder, "replies")? {
        let broken = |e: &dyn std::fmt::Display| {
            OfflineError::Broken(file.display().to_string(), e.to_string())
        };
        let one = mock_qmp::import::libvirt(&file, recordings.path()).map_err(|e| broken(&e))?;
        let recording = Recording::load(&one).map_err(|e| broken(&e))?;
        found.extend(offers(&recording).map_err(|e| broken(&e))?);
    }
    Ok(found)
}

/// Both lists as one, oldest release first; a label that both have counts once.
#[must_use]
pub fn joined(mut qemus: Vec<(String, Caps)>, more: Vec<(String, Caps)>) -> Vec<(String, Caps)> {
    for (label, caps) in more {
        if !qemus.iter().any(|(known, _)| *known == label) {
            qemus.push((label, caps));
        }
    }
    qemus.sort_by(|(a, x), (b, y)| (x.version, a).cmp(&(y.version, b)));
    qemus
}

/// What a recorded QEMU offers, with its label; nothing where its schema was not recorded.
fn offers(recording: &Recording) -> Result<Option<(String, Caps)>, serde_json::Error> {
    let Some(schema) = recording.schema() else {
        return Ok(None);
    };
    let schema: Value = serde_json::from_str(schema)?;
    let number = recording.version();
    let version = Version {
        major: number.major,
        minor: number.minor,
        micro: number.micro,
    };
    let arch = recording.machine().map_or("", |m| m.arch.as_str());
    let caps = Caps::from_parts(version, Some(arch), commands(&schema));
    Ok(Some((crate::recorded::run::label(recording), caps)))
}

/// What a QEMU with this label may have at most: every QMP command that decides whether a row is there.
pub(crate) fn at_most(label: &str) -> Option<Caps> {
    let (release, arch) = label.split_once('-')?;
    let deciding = MAIN
        .iter()
        .chain(INFO)
        .filter_map(|row| match &row.present {
            Present::With(command) | Present::Until(_, Present::With(command)) => Some(*command),
            _ => None,
        });
    Some(Caps::from_parts(
        parse_version(release)?,
        Some(arch),
        deciding,
    ))
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

/// The QEMU behind a QMP socket, with its label.
pub async fn connected(address: &Address) -> Result<(String, Caps), LookError> {
    let (client, _) = Client::connect(address, &Options::default()).await?;
    let caps = Caps::probe(&client).await?;
    let arch = caps.arch.clone().unwrap_or_default();
    let label = format!("{}.{}-{arch}", caps.version.major, caps.version.minor);
    Ok((label, caps))
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
