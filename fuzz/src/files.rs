// SPDX-License-Identifier: GPL-2.0-or-later
//! Files: recordings, scripts, others' recordings, tables of commands.

use std::path::Path;

use mock_qmp::{Recording, ScriptFile, import};
use parity::tables::hx as table;

use crate::explains;

/// A topic of a recording, and one as earlier versions wrote them.
pub fn recordings(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match Recording::from_text("fuzz.qmp", &text, None) {
        Ok(recording) => {
            let _ = (recording.version(), recording.schema());
        }
        Err(error) => explains(error),
    }
}

/// A file of answers.
pub fn scripts(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Err(error) = ScriptFile::from_text("fuzz.toml", &text) {
        explains(error);
    }
}

/// libvirt's recorded replies become a recording, which can be read.
pub fn libvirt(data: &[u8]) {
    let Ok(folder) = tempfile::tempdir() else {
        return;
    };
    let file = folder.path().join("fuzz.replies");
    if std::fs::write(&file, data).is_err() {
        return;
    }
    match import::libvirt(&file, folder.path()) {
        Ok(made) => read_back(&made),
        Err(error) => explains(error),
    }
}

fn read_back(folder: &Path) {
    if let Err(error) = Recording::load(folder) {
        panic!("written and not readable: {error}");
    }
}

/// QEMU's tables of commands.
pub fn hx(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match table::parse(&text) {
        Ok(commands) => {
            for command in commands {
                let _ = (
                    command.preconfig(),
                    command.deprecated(),
                    command.text_command(),
                );
            }
        }
        Err(error) => explains(error),
    }
}
