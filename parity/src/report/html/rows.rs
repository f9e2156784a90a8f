// SPDX-License-Identifier: GPL-2.0-or-later
//! What the tables say about commands, whatever ran.

use std::borrow::Cow;
use std::collections::BTreeMap;

use hmp_engine::command::hazard::{At, Hazard};
use hmp_engine::command::row::{Command, Presence, Present, Way};
use hmp_engine::host::Risk;
use hmp_engine::qemu::caps::Caps;
use hmp_engine::qmp::version::Version;
use hmp_engine::table::{HAZARDS, INFO, MAIN};
use serde::Serialize;

use crate::case::Qemu;
use crate::judge::mask::{MASKS, VOLATILE};
use crate::tables::offered::at_most;

/// The family of what names no command.
pub(super) const OTHER: &str = "other";

/// A command: all rows of one name, and what the report alone knows of.
#[derive(Debug, Serialize)]
pub struct Row {
    /// The full name.
    pub name: String,
    family: &'static str,
    /// Empty for a command that only the report knows.
    variants: Vec<Variant>,
    /// The QEMUs that do not have it, by number.
    absent: Vec<usize>,
}

/// A row of the tables.
#[derive(Debug, Serialize)]
struct Variant {
    names: &'static str,
    params: &'static str,
    help: &'static str,
    preconfig: bool,
    /// Which QEMUs have it, in words; empty where all do.
    present: String,
    routes: Vec<Step>,
}

/// A way to carry a command out.
#[derive(Debug, Serialize)]
struct Step {
    way: &'static str,
    risk: Risk,
    needs: &'static [&'static str],
    /// What QMP lacks, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<&'static str>,
}

/// A danger of a command or of a QMP call.
#[derive(Debug, Serialize)]
pub struct Danger {
    /// `line` or `qmp`.
    kind: &'static str,
    at: &'static str,
    releases: String,
    harm: &'static str,
    seen: &'static str,
    certain: bool,
}

/// Why a part of answers is not compared.
#[derive(Debug, Serialize)]
pub struct Masked {
    name: &'static str,
    command: &'static str,
    reason: &'static str,
}

/// The commands of the tables and those that `tried` names, sorted by name.
pub fn all<'a>(tried: impl Iterator<Item = Cow<'a, str>>, qemus: &[&Qemu]) -> Vec<Row> {
    let caps: Vec<Caps> = qemus.iter().map(|qemu| at_most(qemu)).collect();
    let mut rows: BTreeMap<String, Vec<&Command>> = BTreeMap::new();
    for (prefix, table) in [("", MAIN), ("info ", INFO)] {
        for row in table {
            let first = row.names().next().unwrap_or_default();
            rows.entry(format!("{prefix}{first}"))
                .or_default()
                .push(row);
        }
    }
    for name in tried {
        if !rows.contains_key(name.as_ref()) {
            rows.insert(name.into_owned(), Vec::new());
        }
    }
    let lacks = |rows: &[&Command], caps: &Caps| {
        !rows.is_empty() && !rows.iter().any(|r| r.presence(caps) == Presence::Yes)
    };
    rows.into_iter()
        .map(|(name, rows)| Row {
            family: rows.first().map_or(OTHER, |row| row.family.title()),
            absent: (0..caps.len())
                .filter(|at| lacks(&rows, &caps[*at]))
                .collect(),
            variants: rows.iter().map(|row| variant(row)).collect(),
            name,
        })
        .collect()
}

fn variant(row: &Command) -> Variant {
    let steps = row.routes.iter().map(|route| Step {
        way: match route.way {
            Way::Native(..) => "native",
            Way::Derived(..) => "derived",
            Way::Partial(..) => "partial",
            Way::Local(_) => "local",
            Way::ToConvert => "to convert",
            Way::Blocked(_) => "blocked",
        },
        risk: route.risk,
        needs: route.needs(),
        missing: match route.way {
            Way::Blocked(missing) => Some(missing.name),
            _ => None,
        },
    });
    Variant {
        names: row.name,
        params: row.params,
        help: row.help,
        preconfig: row.preconfig,
        present: [releases(row.since, row.until), condition(&row.present)]
            .into_iter()
            .filter(|words| !words.is_empty())
            .collect::<Vec<_>>()
            .join(", "),
        routes: steps.collect(),
    }
}

/// Releases in words; empty for all of them.
fn releases(since: Version, until: Version) -> String {
    let name = |v: Version| format!("{}.{}", v.major, v.minor);
    match (since > Version::FIRST, until < Version::NEVER) {
        (false, false) => String::new(),
        (true, false) => format!("from {} on", name(since)),
        (false, true) => format!("before {}", name(until)),
        (true, true) => format!("from {} on, before {}", name(since), name(until)),
    }
}

fn condition(present: &Present) -> String {
    match present {
        Present::Always => String::new(),
        Present::Target(targets) => format!("on {} only", targets.join(", ")),
        Present::With(command) => format!("in builds with {command}"),
        Present::RareBuild => "in rare builds only".to_owned(),
        Present::Until(bound, rule) => {
            format!("{} {}", releases(Version::FIRST, *bound), condition(rule))
        }
    }
}

/// All hazards: one for each line and call that meets it.
pub fn dangers() -> Vec<Danger> {
    let places = HAZARDS
        .iter()
        .flat_map(|hazard| hazard.at.iter().map(move |at| (hazard, at)));
    let danger = |(hazard, at): (&'static Hazard, &At)| {
        let (kind, at) = match at {
            At::Line(at) => ("line", at),
            At::Qmp(at) => ("qmp", at),
        };
        Danger {
            kind,
            at,
            releases: releases(hazard.since, hazard.until),
            harm: hazard.harm,
            seen: hazard.seen,
            certain: hazard.certain,
        }
    };
    places.map(danger).collect()
}

/// All masks, and the commands whose answers are volatile, with the name `volatile`.
pub fn masks() -> Vec<Masked> {
    let masks = MASKS.iter().map(|mask| Masked {
        name: mask.name,
        command: mask.command,
        reason: mask.reason,
    });
    let volatile = VOLATILE.iter().map(|(command, reason)| Masked {
        name: "volatile",
        command,
        reason,
    });
    masks.chain(volatile).collect()
}

#[cfg(test)]
mod tests {
    use hmp_engine::qmp::version::v;

    use super::*;
    use crate::judge::sample;

    fn absent(command: &str, labels: &[&str]) -> Vec<usize> {
        let qemus: Vec<Qemu> = labels.iter().map(|label| sample::qemu(label)).collect();
        let qemus: Vec<&Qemu> = qemus.iter().collect();
        let rows = all(["foreign".into()].into_iter(), &qemus);
        let row = rows.iter().find(|row| row.name == command).unwrap();
        row.absent.clone()
    }

    #[test]
    fn releases_and_targets_decide_where_a_command_is() {
        let qemus = ["7.2-x86_64", "11.1-x86_64", "10.0-s390x"];
        assert_eq!(absent("info accel", &qemus), [0, 2]);
        assert_eq!(absent("info lapic", &qemus), [2]);
        assert_eq!(absent("info skeys", &qemus), [0, 1]);
        assert_eq!(absent("info status", &qemus), [0; 0]);
        assert_eq!(absent("foreign", &qemus), [0; 0]);
    }

    #[test]
    fn bounds_in_words() {
        assert_eq!(releases(Version::FIRST, Version::NEVER), "");
        assert_eq!(releases(v(8, 0), v(11, 0)), "from 8.0 on, before 11.0");
        let rule = Present::Until(v(9, 1), &Present::Target(&["m68k"]));
        assert_eq!(condition(&rule), "before 9.1 on m68k only");
    }
}
