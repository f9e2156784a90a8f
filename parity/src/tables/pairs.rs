// SPDX-License-Identifier: GPL-2.0-or-later
//! What changed in the human monitor from one release to a later one of the same target, as our
//! rows know it.

use std::collections::BTreeSet;

use hmp_engine::command::row::Command;
use hmp_engine::command::rows::Rows;
use hmp_engine::qmp::version::Version;
use hmp_engine::table;
use serde::Serialize;

use super::coverage::first;
use super::offered::at_most;
use crate::case::Qemu;

/// Two releases of one target.
#[derive(Debug, Serialize)]
pub struct Pair {
    /// The older.
    pub from: Qemu,
    /// The newer.
    pub to: Qemu,
    /// Commands that came.
    pub came: Vec<String>,
    /// Commands that went.
    pub went: Vec<String>,
    /// Commands that are spelled in another way.
    pub respelled: Vec<Respelled>,
}

/// A command whose names, arguments or help changed.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Respelled {
    /// Its full name.
    pub command: String,
    /// `names`, `arguments` or `shown as`.
    pub what: &'static str,
    /// How it was.
    pub was: String,
    /// How it is.
    pub is: String,
}

/// All pairs of these QEMUs, by target, then by release.
#[must_use]
pub fn pairs(qemus: &[&Qemu]) -> Vec<Pair> {
    let targets: BTreeSet<&str> = qemus.iter().map(|qemu| qemu.arch()).collect();
    let mut found = Vec::new();
    for target in targets {
        let mut of_target: Vec<&Qemu> = qemus
            .iter()
            .copied()
            .filter(|q| q.arch() == target)
            .collect();
        of_target.sort();
        for (at, from) in of_target.iter().enumerate() {
            found.extend(of_target[at + 1..].iter().map(|to| pair(from, to)));
        }
    }
    found
}

fn pair(from: &Qemu, to: &Qemu) -> Pair {
    let (old, new) = (rows(from), rows(to));
    let mut respelled = Vec::new();
    for (name, now) in &new {
        if let Some((_, was)) = old.iter().find(|(other, _)| other == name) {
            respelled.extend(differences(
                name,
                (was, from.version()),
                (now, to.version()),
            ));
        }
    }
    let lacking = |these: &[(String, &Command)], those: &[(String, &Command)]| {
        let those: BTreeSet<&String> = those.iter().map(|(name, _)| name).collect();
        let names = these.iter().map(|(name, _)| name);
        names
            .filter(|name| !those.contains(name))
            .cloned()
            .collect()
    };
    Pair {
        from: from.clone(),
        to: to.clone(),
        came: lacking(&new, &old),
        went: lacking(&old, &new),
        respelled,
    }
}

/// The rows that a QEMU has at most, by full name.
fn rows(qemu: &Qemu) -> Vec<(String, &'static Command)> {
    let rows: Rows = table::rows(&at_most(qemu));
    let named = rows
        .all()
        .map(|(prefix, row)| (format!("{prefix}{}", first(row.name)), row));
    named.collect()
}

fn differences(
    name: &str,
    (was, old): (&Command, Version),
    (is, new): (&Command, Version),
) -> Vec<Respelled> {
    let members = [
        ("names", was.name, is.name),
        ("arguments", was.args_in(old), is.args_in(new)),
        ("shown as", was.params_in(old), is.params_in(new)),
    ];
    let changed = members.into_iter().filter(|(_, was, is)| was != is);
    let changed = changed.map(|(what, was, is)| Respelled {
        command: name.to_owned(),
        what,
        was: was.to_owned(),
        is: is.to_owned(),
    });
    changed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::sample;

    #[test]
    fn every_later_release_of_a_target_makes_a_pair() {
        let qemus: Vec<Qemu> = ["11.1-arm", "7.2-x86_64", "11.1-x86_64", "10.0-x86_64"]
            .map(sample::qemu)
            .into();
        let pairs = pairs(&qemus.iter().collect::<Vec<_>>());
        let names: Vec<String> = pairs
            .iter()
            .map(|p| format!("{} {}", p.from, p.to))
            .collect();
        assert_eq!(
            names,
            [
                "7.2-x86_64 10.0-x86_64",
                "7.2-x86_64 11.1-x86_64",
                "10.0-x86_64 11.1-x86_64"
            ]
        );
        let last = &pairs[2];
        assert!(
            last.came.contains(&"info firmware-log".to_owned()),
            "{last:?}"
        );
        assert!(
            last.respelled
                .iter()
                .any(|r| r.command == "info migrate" && r.is == "all:-a")
        );
        assert!(last.went.iter().all(|name| !last.came.contains(name)));
    }
}
