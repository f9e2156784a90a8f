// SPDX-License-Identifier: GPL-2.0-or-later
//! Which route every command would take on every QEMU whose schema is at hand, and what each needs
//! of QMP.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use hmp_engine::command::route::{self, State};
use hmp_engine::command::row::Way;
use hmp_engine::host::Risk;
use hmp_engine::table;
use serde::{Deserialize, Serialize};

use super::hx::Tree;
use super::offered::Offers;
use super::{coverage, since};
use crate::case::Qemu;

/// Commands by QEMUs. Its JSON form is documented in docs/parity.md.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Forecast {
    /// The QEMUs looked at, oldest release first.
    pub qemus: Vec<Qemu>,
    /// Every command that one of them has, sorted by name.
    pub commands: Vec<Taken>,
    /// Every QMP command that a route needs, by name.
    pub qmp: BTreeMap<String, Need>,
    /// Releases whose tables of commands (.hx) were at hand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trees: Vec<TreeCount>,
}

/// One command.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Taken {
    /// Its full name.
    pub name: String,
    /// Its state on each QEMU, in their order; none where that QEMU does not have it.
    pub states: Vec<Option<State>>,
    /// The least that has to be allowed on each for a better one; none where nothing helps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<Option<Risk>>,
    /// The QMP commands that its routes need on one QEMU or another.
    pub needs: BTreeSet<String>,
    /// The QMP commands that QEMU lacks for it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub missing: BTreeSet<String>,
}

/// A QMP command that routes need.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Need {
    /// The release that it came with, as QEMU documents it or else as far as the QEMUs looked at
    /// show it.
    pub since: Option<String>,
    /// The QEMUs looked at that lack it.
    pub lacking: Vec<Qemu>,
}

/// The tables of one source tree, against our rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TreeCount {
    /// Its release.
    pub version: String,
    /// How many commands it has.
    pub commands: usize,
    /// Those of them without a row of ours.
    pub missing: Vec<String>,
    /// Rows of ours that it should have and has not.
    pub extra: Vec<String>,
}

/// Looks at these QEMUs and trees.
#[must_use]
pub fn forecast(qemus: &Offers, trees: &[Tree]) -> Forecast {
    let mut commands: BTreeMap<String, Taken> = BTreeMap::new();
    for (at, (_, caps)) in qemus.iter().enumerate() {
        for (prefix, row) in table::rows(caps).all() {
            let name = format!("{prefix}{}", coverage::first(row.name));
            let taken = commands.entry(name.clone()).or_insert_with(|| Taken {
                name,
                states: vec![None; qemus.len()],
                allowed: vec![None; qemus.len()],
                needs: BTreeSet::new(),
                missing: BTreeSet::new(),
            });
            let state = route::state(row, caps);
            taken.states[at] = Some(state);
            taken.allowed[at] = route::leave(row, caps);
            let here = |needs: &[&str]| needs.iter().all(|need| caps.has(need));
            if let Some(route) = row.routes.iter().find(|r| here(r.needs())) {
                let needs = route.needs().iter();
                taken.needs.extend(needs.map(|&need| need.to_owned()));
            }
            if matches!(state, State::Blocked | State::Partial) {
                taken
                    .missing
                    .extend(row.routes.iter().filter_map(|r| match r.way {
                        Way::Blocked(missing) => Some(missing.name.to_owned()),
                        _ => None,
                    }));
            }
        }
    }
    let mut qmp = BTreeMap::new();
    for need in commands.values().flat_map(|c| &c.needs) {
        qmp.entry(need.clone())
            .or_insert_with(|| self::need(need, qemus));
    }
    Forecast {
        qemus: qemus.keys().cloned().collect(),
        commands: commands.into_values().collect(),
        qmp,
        trees: trees.iter().map(tree).collect(),
    }
}

fn need(command: &str, qemus: &Offers) -> Need {
    let release = since::since(command).or_else(|| {
        let having = qemus.iter().filter(|(_, caps)| caps.has(command));
        having.map(|(_, caps)| caps.version).min()
    });
    let lacking = qemus.iter().filter(|(_, caps)| !caps.has(command));
    Need {
        since: release.map(|v| format!("{}.{}", v.major, v.minor)),
        lacking: lacking.map(|(qemu, _)| qemu.clone()).collect(),
    }
}

fn tree(tree: &Tree) -> TreeCount {
    let coverage = coverage::coverage(tree);
    let missing = coverage.commands.iter().filter(|c| c.state.is_none());
    TreeCount {
        version: coverage.version.clone(),
        commands: coverage.commands.len(),
        missing: missing.map(|c| c.name.clone()).collect(),
        extra: coverage.extra.clone(),
    }
}

/// The letter of a state; a dash where the QEMU does not have the command.
fn letter(state: Option<State>) -> char {
    match state {
        None => '-',
        Some(State::Native) => 'N',
        Some(State::Derived) => 'D',
        Some(State::Local) => 'L',
        Some(State::Partial) => 'P',
        Some(State::Passthrough) => 'T',
        Some(State::Blocked) => 'B',
    }
}

/// For a terminal: states by QEMU, then a line for each command with a letter for each QEMU and
/// what it needs.
#[must_use]
pub fn render(forecast: &Forecast) -> String {
    let mut out = String::new();
    for (at, qemu) in forecast.qemus.iter().enumerate() {
        let states: Vec<State> = forecast
            .commands
            .iter()
            .filter_map(|c| c.states[at])
            .collect();
        // Writing to a string can't fail.
        let _ = write!(out, "{qemu:<14} {:>3} commands", states.len());
        for state in State::ALL {
            let count = states.iter().filter(|s| **s == state).count();
            let _ = write!(out, " {count:>3} {}", state.word());
        }
        out.push('\n');
    }
    for tree in &forecast.trees {
        let _ = writeln!(
            out,
            "tables of {}: {} commands, {} without a row, {} rows too many",
            tree.version,
            tree.commands,
            tree.missing.len(),
            tree.extra.len()
        );
    }
    out.push_str("N native, D derived, L local, P partial, T passthrough, B blocked, - absent; columns as above\n");
    for command in &forecast.commands {
        let letters: String = command.states.iter().map(|s| letter(*s)).collect();
        let _ = write!(out, "{:<32} {letters}", command.name);
        for name in &command.needs {
            let since = forecast
                .qmp
                .get(name)
                .and_then(|need| need.since.as_deref());
            let _ = write!(out, " {name} ({})", since.unwrap_or("?"));
        }
        if !command.missing.is_empty() {
            let missing: Vec<&str> = command.missing.iter().map(String::as_str).collect();
            let _ = write!(out, " lacks {}", missing.join(" "));
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use hmp_engine::qemu::caps::Caps;
    use hmp_engine::qmp::version::v;

    use super::*;
    use crate::judge::sample;

    fn qemu(release: (u32, u32), arch: &str, commands: &[&str]) -> (Qemu, Caps) {
        let commands = commands.iter().copied();
        let caps = Caps::from_parts(v(release.0, release.1), Some(arch), commands);
        (Qemu::of(&caps), caps)
    }

    #[test]
    fn a_route_depends_on_what_a_qemu_offers() {
        let forecast = forecast(
            &Offers::from([
                qemu((6, 2), "x86_64", &["stop"]),
                qemu((11, 2), "s390x", &["stop", "x-query-network"]),
            ]),
            &[],
        );
        let states = |name: &str| {
            let found = forecast.commands.iter().find(|c| c.name == name);
            found.map(|c| c.states.iter().map(|s| letter(*s)).collect::<String>())
        };
        assert_eq!(states("stop").unwrap(), "NN");
        assert_eq!(states("info network").unwrap(), "BN");
        assert_eq!(states("mce").unwrap().chars().next(), Some('B'));
        assert!(states("info cmma").unwrap().starts_with('-'));
        let network = &forecast.qmp["x-query-network"];
        assert_eq!(network.since.as_deref(), Some("11.2"));
        assert_eq!(network.lacking, [sample::qemu("6.2-x86_64")]);
        assert_eq!(forecast.qmp["stop"].since.as_deref(), Some("0.14"));
        let text = render(&forecast);
        assert!(
            text.contains(
                "info network                     BN x-query-network (11.2) lacks x-query-network"
            ),
            "{text}"
        );
    }
}
