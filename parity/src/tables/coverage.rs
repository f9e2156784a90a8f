// SPDX-License-Identifier: GPL-2.0-or-later
//! Our rows against a QEMU source tree's `.hx` files.

use std::fmt::Write;

use hmp_engine::command::route::{self, State};
use hmp_engine::command::row::{Command, Present};
use hmp_engine::table::{INFO, MAIN};
use serde::Serialize;

use super::hx::{HxCommand, Tree};

/// One command of a tree, and what we have for it.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Its full name, with `info ` in front for sub-commands.
    pub name: String,
    /// How we carry it out at best; none where we have no row.
    pub state: Option<State>,
}

/// A tree against our rows.
#[derive(Debug, Serialize)]
pub struct Coverage {
    /// The tree's release.
    pub version: String,
    /// Its commands.
    pub commands: Vec<Line>,
    /// Rows of ours that the tree lacks, although they say that this release has them.
    pub extra: Vec<String>,
}

pub(super) fn first(names: &str) -> &str {
    names.split('|').next().unwrap_or(names)
}

/// The row for an entry: of its first name, and of that release.
pub(super) fn row(
    rows: &'static [Command],
    entry: &HxCommand,
    tree: &Tree,
) -> Option<&'static Command> {
    hmp_engine::command::rows::find(rows, first(&entry.name))
        .filter(|row| row.since <= tree.version && tree.version < row.until)
}

/// Compares what is there.
#[must_use]
pub fn coverage(tree: &Tree) -> Coverage {
    let mut commands = Vec::new();
    let mut extra = Vec::new();
    for (prefix, rows, entries) in [("", MAIN, &tree.main), ("info ", INFO, &tree.info)] {
        for entry in entries {
            commands.push(Line {
                name: format!("{prefix}{}", first(&entry.name)),
                state: row(rows, entry, tree).map(route::best_state),
            });
        }
        for row in rows {
            let here = row.since <= tree.version && tree.version < row.until;
            let listed = entries.iter().any(|e| first(&e.name) == first(row.name));
            if here && !listed {
                extra.push(format!("{prefix}{}", first(row.name)));
            }
        }
    }
    Coverage {
        version: tree.version.to_string(),
        commands,
        extra,
    }
}

impl Coverage {
    /// Counts by state, then what is missing and extra.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = format!("QEMU {}: {} commands\n", self.version, self.commands.len());
        for state in State::ALL {
            let names = self.names(Some(state));
            // Writing to a string can't fail.
            let _ = writeln!(out, "{:<12} {:>3}", state.word(), names.len());
        }
        for (word, names) in [
            ("missing", self.names(None)),
            ("extra", self.extra.iter().map(String::as_str).collect()),
        ] {
            let _ = writeln!(out, "{word:<12} {:>3} {}", names.len(), names.join(", "));
        }
        out
    }

    fn names(&self, state: Option<State>) -> Vec<&str> {
        let with = self.commands.iter().filter(|c| c.state == state);
        with.map(|c| c.name.as_str()).collect()
    }
}

/// Every difference between the tree's entries and our rows, one sentence each.
#[must_use]
pub fn check(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (prefix, rows, entries) in [("", MAIN, &tree.main), ("info ", INFO, &tree.info)] {
        for entry in entries {
            let name = format!("{prefix}{}", first(&entry.name));
            let Some(row) = row(rows, entry, tree) else {
                found.push(format!("{name}: no row"));
                continue;
            };
            let mut differ = |what: &str, theirs: &str, ours: &str| {
                if theirs != ours {
                    found.push(format!("{name}: {what} is {theirs:?} there, {ours:?} here"));
                }
            };
            differ("the name", &entry.name, row.name);
            differ("args_type", &entry.args, row.args_in(tree.version));
            differ("params", &entry.params, row.params_in(tree.version));
            let word = |yes| if yes { "p" } else { "" };
            differ("flags", word(entry.preconfig()), word(row.preconfig));
            if let Some(sentence) = condition(entry, row) {
                found.push(format!("{name}: {sentence}"));
            }
        }
    }
    for name in coverage(tree).extra {
        found.push(format!("{name}: not in the tree"));
    }
    found
}

/// Conditions of a host or of an optional part that every build with QMP for it has.
const NOT_OURS: &[&str] = &["CONFIG_LINUX", "CONFIG_POSIX", "CONFIG_SLIRP", "CONFIG_TCG"];

/// What is wrong with a row's presence, compared with the entry's conditions.
fn condition(entry: &HxCommand, row: &Command) -> Option<String> {
    let text = entry.conditions.join(" && ");
    let target = text.contains("TARGET_") || text.contains("CONFIG_MOS6522");
    let rule = match row.present {
        Present::Until(_, rule) => *rule,
        rule => rule,
    };
    let fits = match rule {
        Present::Always => text.is_empty() || NOT_OURS.iter().any(|c| text.contains(c)),
        Present::Target(_) => target,
        Present::With(_) => !target,
        Present::RareBuild => text.contains("CONFIG_TRACE_SIMPLE"),
        Present::Until(..) => false,
    };
    (!fits).then(|| format!("the condition is {text:?} there, {:?} here", row.present))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hmp_engine::qmp::version::v;

    use super::*;
    use crate::tables::hx;

    fn tree(main: &str) -> Tree {
        Tree {
            version: v(10, 0),
            main: hx::parse(main).unwrap(),
            info: Vec::new(),
            qmp: BTreeSet::new(),
        }
    }

    const EJECT: &str = "    {\n .name = \"eject\",\n .args_type = \"force:-f,device:B\",\n .params = \"[-f] device\",\n },\n";

    #[test]
    fn a_difference_is_named() {
        let found = check(&tree(EJECT));
        assert!(!found.iter().any(|f| f.starts_with("eject: ")), "{found:?}");
        assert!(found.contains(&"stop: not in the tree".to_owned()));
        let found = check(&tree(&EJECT.replace("device:B", "device:s")));
        assert!(
            found.contains(
                &"eject: args_type is \"force:-f,device:s\" there, \"force:-f,device:B\" here"
                    .to_owned()
            ),
            "{found:?}"
        );
        let found = check(&tree(&format!("#if defined(TARGET_A)\n{EJECT}#endif\n")));
        assert!(
            found.iter().any(|f| f.starts_with("eject: the condition")),
            "{found:?}"
        );
    }
}
