// SPDX-License-Identifier: GPL-2.0-or-later
//! The QMP interfaces that QEMU lacks, ranked by the commands that each would free.

use std::collections::BTreeMap;
use std::fmt::Write;

use hmp_engine::command::route::{self, State};
use hmp_engine::command::row::Way;
use hmp_engine::qemu::missing::Missing;
use hmp_engine::table;
use serde::Serialize;

use super::offered::Offers;
use crate::case::Qemu;

/// An interface that is missing.
#[derive(Debug, Serialize)]
pub struct Gap {
    /// The QMP command proposed.
    pub name: &'static str,
    /// Its QAPI definition.
    pub qapi: String,
    /// Why nothing that exists will do.
    pub why: &'static str,
    /// The commands of the human monitor that it would free, with `info ` in front of sub-commands.
    pub frees: Vec<String>,
    /// The recorded QEMUs that lack it.
    pub qemus: Vec<Qemu>,
}

/// The gaps of these QEMUs, those that free most first.
#[must_use]
pub fn gaps(qemus: &Offers) -> Vec<Gap> {
    let mut found: BTreeMap<&'static str, Gap> = BTreeMap::new();
    for (qemu, caps) in qemus {
        for (prefix, row) in table::rows(caps).all() {
            let state = route::state(row, caps);
            if !matches!(state, State::Blocked | State::Partial) {
                continue;
            }
            for missing in row.routes.iter().filter_map(|route| match route.way {
                Way::Blocked(missing) => Some(missing),
                _ => None,
            }) {
                let gap = found.entry(missing.name).or_insert_with(|| gap(missing));
                let name = format!("{prefix}{}", row.names().next().unwrap_or_default());
                if !gap.frees.contains(&name) {
                    gap.frees.push(name);
                }
                if !gap.qemus.contains(qemu) {
                    gap.qemus.push(qemu.clone());
                }
            }
        }
    }
    let mut gaps: Vec<Gap> = found.into_values().collect();
    gaps.sort_by(|a, b| b.frees.len().cmp(&a.frees.len()).then(a.name.cmp(b.name)));
    gaps
}

fn gap(missing: &Missing) -> Gap {
    Gap {
        name: missing.name,
        qapi: format!(
            "{{ 'command': '{}', 'data': {}, 'returns': {} }}",
            missing.name,
            missing.arguments,
            quoted(missing.returns)
        ),
        why: missing.why,
        frees: Vec::new(),
        qemus: Vec::new(),
    }
}

/// Type names are in quotes in QAPI, anonymous structures and lists do not.
fn quoted(kind: &str) -> String {
    if kind.starts_with(['{', '[']) {
        kind.to_owned()
    } else {
        format!("'{kind}'")
    }
}

/// The gaps for a terminal.
#[must_use]
pub fn render(gaps: &[Gap]) -> String {
    let mut out = String::new();
    for gap in gaps {
        let qemus: Vec<String> = gap.qemus.iter().map(Qemu::to_string).collect();
        // Writing to a string can't fail.
        let _ = writeln!(
            out,
            "{} would free {}: {}\n    {}\n    because {}\n    lacking in {}",
            gap.name,
            gap.frees.len(),
            gap.frees.join(", "),
            gap.qapi,
            gap.why,
            qemus.join(", ")
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use hmp_engine::qemu::caps::Caps;
    use hmp_engine::qmp::version::v;

    use super::*;

    #[test]
    fn an_interface_that_is_there_is_not_a_gap() {
        let qemu = |commands: &[&'static str]| {
            let caps = Caps::from_parts(v(11, 1), Some("x86_64"), commands.iter().copied());
            Offers::from([(Qemu::of(&caps), caps)])
        };
        let named = |commands: &[&'static str], name: &str| {
            gaps(&qemu(commands)).iter().any(|g| g.name == name)
        };
        assert!(named(&[], "x-query-usernet"));
        assert!(!named(&["x-query-usernet"], "x-query-usernet"));
        assert!(named(&[], "inject-mce"));
    }

    #[test]
    fn those_that_free_most_come_first() {
        let caps = Caps::from_parts(v(11, 1), Some("x86_64"), [""; 0]);
        let gaps = gaps(&Offers::from([(Qemu::of(&caps), caps)]));
        assert!(gaps.is_sorted_by(|a, b| a.frees.len() >= b.frees.len()));
        assert!(
            render(&gaps).contains("'data': {'*cpu-index': 'int'}, 'returns': 'HumanReadableText'")
        );
    }
}
