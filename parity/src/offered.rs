//! What each recorded QEMU offers, without starting any: capabilities from its recorded schema.

use std::collections::BTreeMap;
use std::path::Path;

use mock_qmp::Recording;
use monitor::qmp::caps::Caps;
use monitor::version::Version;
use serde_json::Value;

use crate::offline::OfflineError;

/// The recorded QEMUs by label (`10.0-x86_64`), oldest release first.
pub fn recorded(recordings: &Path) -> Result<Vec<(String, Caps)>, OfflineError> {
    let mut found: BTreeMap<(Version, String), (String, Caps)> = BTreeMap::new();
    for topic in crate::offline::topics(recordings)? {
        let broken = |e: &dyn std::fmt::Display| {
            OfflineError::Broken(topic.display().to_string(), e.to_string())
        };
        let recording = Recording::load(&topic).map_err(|e| broken(&e))?;
        let arch = recording
            .machine()
            .map_or("", |m| m.arch.as_str())
            .to_owned();
        let number = recording.version();
        let version = Version {
            major: number.major,
            minor: number.minor,
            micro: number.micro,
        };
        let key = (version, arch.clone());
        if found.contains_key(&key) {
            continue;
        }
        let Some(schema) = recording.schema() else {
            continue;
        };
        let schema: Value = serde_json::from_str(schema).map_err(|e| broken(&e))?;
        let label = format!("{}.{}-{arch}", version.major, version.minor);
        let caps = Caps::from_parts(version, Some(&arch), commands(&schema));
        found.insert(key, (label, caps));
    }
    Ok(found.into_values().collect())
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
