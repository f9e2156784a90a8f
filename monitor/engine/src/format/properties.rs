// SPDX-License-Identifier: GPL-2.0-or-later
//! Properties of a type, as `TYPE,help` lists them.

use std::fmt::{self, Write};

use serde::Deserialize;
use serde_json::Value;

use crate::qmp::version::{Version, v};

/// A property as `device-list-properties` and `qom-list-properties` show it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Property {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is for.
    pub description: Option<String>,
    /// Its value where nothing sets it.
    pub default_value: Option<Value>,
}

/// The first release that shows default values as option strings spell them, not as JSON
/// (10.0, commit 36324c6774 of QEMU).
const PLAIN_DEFAULTS: Version = v(10, 0);

/// Where descriptions start.
const COLUMN: usize = 24;

/// Writes the title and the properties, sorted by their lines.
pub fn print(
    out: &mut dyn Write,
    kind: &str,
    properties: &[Property],
    version: Version,
) -> fmt::Result {
    if properties.is_empty() {
        return writeln!(out, "There are no options for {kind}.");
    }
    writeln!(out, "{kind} options:")?;
    let mut lines: Vec<String> = properties.iter().map(|p| line(p, version)).collect();
    lines.sort();
    for line in lines {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn line(property: &Property, version: Version) -> String {
    let name = format!("  {}=<{}>", property.name, property.kind);
    let (description, default) = (&property.description, &property.default_value);
    if description.is_none() && default.is_none() {
        return name;
    }
    let description = description.as_deref().unwrap_or_default();
    let default = match default {
        Some(Value::Bool(true)) if version >= PLAIN_DEFAULTS => " (default: on)".to_owned(),
        Some(Value::Bool(false)) if version >= PLAIN_DEFAULTS => " (default: off)".to_owned(),
        Some(Value::String(text)) if version >= PLAIN_DEFAULTS => format!(" (default: {text})"),
        Some(value) => format!(" (default: {value})"),
        None => String::new(),
    };
    format!("{name:COLUMN$} - {description}{default}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn listed(version: Version) -> String {
        // virtio-rng-pci, cut; both releases answer so.
        let properties = json!([
            {"default-value": "auto", "name": "disable-legacy", "description": "on/off/auto", "type": "OnOffAuto"},
            {"default-value": 4_294_967_295u64, "name": "romsize", "type": "uint32"},
            {"default-value": true, "name": "ats", "description": "on/off", "type": "bool"},
            {"default-value": false, "name": "failover", "description": "on/off", "type": "bool"},
            {"name": "romfile", "type": "str"}
        ]);
        let properties: Vec<Property> = serde_json::from_value(properties).unwrap();
        let mut text = String::new();
        print(&mut text, "x", &properties, version).unwrap();
        text
    }

    #[test]
    fn defaults_changed_their_looks() {
        assert_eq!(
            listed(v(7, 2)),
            "x options:\n  ats=<bool>             - on/off (default: true)\n  \
             disable-legacy=<OnOffAuto> - on/off/auto (default: \"auto\")\n  \
             failover=<bool>        - on/off (default: false)\n  romfile=<str>\n  \
             romsize=<uint32>       -  (default: 4294967295)\n"
        );
        assert!(listed(v(10, 0)).contains(
            "(default: on)\n  disable-legacy=<OnOffAuto> - on/off/auto (default: auto)\n  \
             failover=<bool>        - on/off (default: off)\n"
        ));
    }

    #[test]
    fn none() {
        let mut text = String::new();
        print(&mut text, "x", &[], v(10, 0)).unwrap();
        assert_eq!(text, "There are no options for x.\n");
    }
}
