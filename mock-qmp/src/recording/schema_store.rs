// SPDX-License-Identifier: GPL-2.0-or-later
//! Schemas are large and the same for all machines of one QEMU: they are stored once, under their
//! hash.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::draft::{private, remove};
use super::error::RecordingError;
use crate::json::compact;

/// The file's text for a schema given as JSON text of query-qmp-schema's return: one entry a line.
pub fn schema_text(json: &str) -> Result<String, serde_json::Error> {
    let entries: Vec<&RawValue> = serde_json::from_str(json)?;
    let mut out = b"[\n".to_vec();
    for (index, entry) in entries.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(b",\n");
        }
        compact(&mut out, entry.get());
    }
    out.extend_from_slice(b"\n]\n");
    Ok(String::from_utf8(out).unwrap_or_default())
}

/// The hash of a schema file's text: 16 hexadecimal digits.
#[must_use]
pub fn schema_hash(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Where the schema with this hash may lie, seen from a recording's folder.
pub(crate) fn candidates(folder: &Path, hash: &str) -> [PathBuf; 3] {
    let name = format!("{hash}.json");
    let above = folder.parent().unwrap_or(Path::new("."));
    [
        above.join("schemas").join(&name),
        folder.join("schemas").join(&name),
        folder.join("schema.json"),
    ]
}

/// Reads the schema with this hash. `Ok(None)` when there is no such file.
pub(crate) fn load(folder: &Path, hash: &str) -> Result<Option<String>, RecordingError> {
    for path in candidates(folder, hash) {
        match std::fs::read_to_string(&path) {
            Ok(text) => return Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(RecordingError::Io {
                    path,
                    source: error,
                });
            }
        }
    }
    Ok(None)
}

/// Stores a schema beside the recording's folder, if it is not there yet, and returns its hash.
pub(crate) fn store(folder: &Path, json: &str) -> Result<String, RecordingError> {
    let schemas = folder.parent().unwrap_or(Path::new(".")).join("schemas");
    let problem = |error: serde_json::Error| RecordingError::Schema {
        path: schemas.clone(),
        problem: format!("query-qmp-schema returned no list: {error}"),
    };
    let text = schema_text(json).map_err(problem)?;
    let hash = schema_hash(&text);
    let path = schemas.join(format!("{hash}.json"));
    if !path.exists() {
        std::fs::create_dir_all(&schemas).map_err(RecordingError::io(&schemas))?;
        // Two recorders may store the same schema at once: each writes its own file, the last name
        // wins.
        let draft = schemas.join(format!(".{hash}.{}", std::process::id()));
        remove(&draft)?;
        private(&draft)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(RecordingError::io(&draft))?;
        std::fs::rename(&draft, &path).map_err(RecordingError::io(&path))?;
    }
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_entry_a_line_and_the_same_hash_for_any_layout() {
        let text = schema_text("[ {\"name\": \"a\"},{\"name\": \"b\"} ]").unwrap();
        assert_eq!(text, "[\n{\"name\":\"a\"},\n{\"name\":\"b\"}\n]\n");
        assert_eq!(schema_text(&text).unwrap(), text);
        assert_eq!(schema_hash(&text).len(), 16);
        assert!(schema_text("{}").is_err());
    }

    #[test]
    fn stored_schemas_are_found() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("10.0.2-x86_64-q35");
        let hash = store(&folder, "[{}]").unwrap();
        assert_eq!(load(&folder, &hash).unwrap().unwrap(), "[\n{}\n]\n");
        assert_eq!(load(&folder, "0000").unwrap(), None);
    }
}
