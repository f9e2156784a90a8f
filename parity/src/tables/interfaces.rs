// SPDX-License-Identifier: GPL-2.0-or-later
//! The interfaces that QEMU lacks, as `parity/gaps.toml` has them, and how often public scripts use
//! commands.

use std::sync::LazyLock;

use serde::Deserialize;

/// The table, and the place of its format's description.
const TABLE: &str = include_str!("../../gaps.toml");

/// Commands and public uses that were looked at, separated by a tab.
const USES: &str = include_str!("use.tsv");

/// An interface. The head of `parity/gaps.toml` says what each member is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interface {
    /// The QMP command.
    pub name: String,
    /// The function of QEMU that holds today's code.
    pub function: String,
    /// Its file in QEMU's tree.
    pub file: String,
    /// What the command does.
    pub does: String,
    /// What it returns; empty for nothing.
    #[serde(default)]
    pub gives: String,
    /// The QAPI type of that.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// The macros, one of which a build must define.
    #[serde(default)]
    pub condition: Condition,
    /// Name, type and meaning of each argument.
    #[serde(default)]
    pub arguments: Vec<Member>,
    /// The named types that it needs.
    #[serde(default)]
    pub types: Vec<Named>,
    /// The release of QEMU that has it.
    pub merged: Option<String>,
    /// The release of QEMU that deprecates the commands that it would free.
    pub deprecated: Option<String>,
    /// The place by the uses in public scripts.
    pub scripts: Option<u32>,
    /// Why nothing that exists will do, where the engine does not say it.
    #[serde(default)]
    pub why: String,
    /// The commands that depend on it for a part.
    #[serde(default)]
    pub partly: Vec<Partly>,
    /// Notes in answers that would go.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What TAB offers with it alone.
    #[serde(default)]
    pub completion: String,
    /// Files of ours that would go.
    #[serde(default)]
    pub deletes: Vec<String>,
    /// Parts of files of ours that would go.
    #[serde(default)]
    pub in_part: Vec<String>,
}

/// Name, type and meaning.
pub type Member = (String, String, String);

/// None, one, or several macros.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
pub enum Condition {
    /// Every build has it.
    #[default]
    Always,
    /// Builds that define this.
    One(String),
    /// Builds that define one of these.
    Any(Vec<String>),
}

impl Condition {
    /// The macros.
    #[must_use]
    pub fn macros(&self) -> &[String] {
        match self {
            Self::Always => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Any(all) => all,
        }
    }
}

/// A named type: a structure with members, or an enumeration with values.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// What it is.
    pub does: String,
    /// The structure that it extends.
    pub base: Option<String>,
    /// Its members.
    #[serde(default)]
    pub members: Vec<Member>,
    /// Its values and their meanings.
    #[serde(default)]
    pub values: Vec<(String, String)>,
}

/// A command that depends on an interface for a part.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partly {
    /// Its full name.
    pub command: String,
    /// Those of its lines that do; all by default.
    #[serde(default, with = "regex_text")]
    pub lines: Option<regex::Regex>,
    /// For what.
    pub what: String,
}

mod regex_text {
    use serde::{Deserialize, Deserializer, de::Error};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<regex::Regex>, D::Error> {
        let text = String::deserialize(deserializer)?;
        regex::Regex::new(&text).map(Some).map_err(D::Error::custom)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    interface: Vec<Interface>,
}

/// All of them, in the table's order. The table is a part of the program, and a test reads it.
pub fn all() -> &'static [Interface] {
    static ALL: LazyLock<Vec<Interface>> = LazyLock::new(|| {
        toml::from_str::<File>(TABLE).map_or_else(|_| Vec::new(), |f| f.interface)
    });
    &ALL
}

/// How many of the public uses that were looked at have that command.
#[must_use]
pub fn uses(command: &str) -> u32 {
    let mut lines = USES.lines().filter_map(|line| line.split_once('\t'));
    let found = lines.find(|(name, _)| *name == command);
    found.and_then(|(_, uses)| uses.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use hmp_engine::qemu::missing;
    use hmp_engine::table::{INFO, MAIN};

    use super::*;

    #[test]
    fn the_table_can_be_read() {
        let read = toml::from_str::<File>(TABLE).map(|file| file.interface.len());
        assert_eq!(read.unwrap(), all().len());
    }

    #[test]
    fn every_interface_that_blocks_a_row_has_its_definition() {
        let names: BTreeSet<&str> = all().iter().map(|i| i.name.as_str()).collect();
        assert_eq!(names.len(), all().len(), "a name is there twice");
        for missing in missing::ALL {
            assert!(names.contains(missing.name), "{}", missing.name);
        }
        for one in all() {
            let engine = missing::ALL.iter().any(|m| m.name == one.name);
            assert_ne!(engine, !one.why.is_empty(), "{}: one reason", one.name);
        }
    }

    #[test]
    fn what_would_be_deleted_is_there() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for one in all() {
            let parts = one
                .in_part
                .iter()
                .map(|part| part.split(": ").next().unwrap());
            for file in one.deletes.iter().map(String::as_str).chain(parts) {
                assert!(root.join(file).is_file(), "{}: {file}", one.name);
            }
        }
    }

    #[test]
    fn what_depends_in_part_is_a_command() {
        let named = |name: &str| match name.strip_prefix("info ") {
            Some(name) => INFO.iter().any(|row| row.names().any(|n| n == name)),
            None => MAIN.iter().any(|row| row.names().any(|n| n == name)),
        };
        for partly in all().iter().flat_map(|one| &one.partly) {
            assert!(named(&partly.command), "{}", partly.command);
        }
        let used = USES.lines().filter(|line| !line.starts_with('#'));
        let unknown: Vec<&str> = used
            .filter_map(|line| line.split('\t').next())
            .filter(|name| !named(name))
            .collect();
        assert_eq!(unknown, [""; 0]);
        assert_eq!((uses("drive_add"), uses("no such")), (3, 0));
    }
}
