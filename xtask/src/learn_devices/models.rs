// SPDX-License-Identifier: GPL-2.0-or-later
//! What `info qdm` says of types of devices.

use hmp_engine::qemu::learned::device_models::{Model, Models};
use serde_json::json;

use super::qemu::Blocking;
use crate::error::Error;

/// Adds the types of one QEMU.
pub fn learn(qmp: &Blocking, models: &mut Models) -> Result<(), Error> {
    let line = json!({"command-line": "info qdm"});
    let text = qmp.call("human-monitor-command", &line)?;
    let mut category = "";
    for line in text.as_str().unwrap_or_default().lines() {
        let line = line.trim_end();
        if let Some(heading) = line.strip_suffix(" devices:") {
            category = heading;
            continue;
        }
        if line.is_empty() {
            continue;
        }
        let (name, model) = read(line).ok_or_else(|| format!("unexpected line: {line}"))?;
        let known = models.0.entry(name).or_insert_with(|| model.clone());
        // One target's transport has the alias that another's has elsewhere.
        if known.alias.is_empty() {
            known.alias = model.alias;
        }
        if !known.categories.iter().any(|c| c == category) {
            known.categories.push(category.to_owned());
        }
    }
    Ok(())
}

fn read(line: &str) -> Option<(String, Model)> {
    let (name, mut rest) = line.strip_prefix("name \"")?.split_once('"')?;
    let mut model = Model::default();
    if let Some(behind) = rest.strip_prefix(", bus ") {
        let end = behind.find(',').unwrap_or(behind.len());
        behind[..end].clone_into(&mut model.bus);
        rest = &behind[end..];
    }
    if let Some(behind) = rest.strip_prefix(", alias \"") {
        let (alias, behind) = behind.split_once('"')?;
        alias.clone_into(&mut model.alias);
        rest = behind;
    }
    if let Some(behind) = rest.strip_suffix(", no-user") {
        model.for_boards = true;
        rest = behind;
    }
    if let Some(behind) = rest.strip_prefix(", desc \"") {
        behind.strip_suffix('"')?.clone_into(&mut model.description);
        rest = "";
    }
    rest.is_empty().then(|| (name.to_owned(), model))
}
