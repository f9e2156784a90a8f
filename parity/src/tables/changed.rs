// SPDX-License-Identifier: GPL-2.0-or-later
//! What changed between two QEMUs: in their tables of commands, and in their QMP commands.

use std::collections::BTreeSet;
use std::fmt::Write;

use hmp_engine::command::row::{Command, Way};
use hmp_engine::table::{INFO, MAIN};
use serde::Serialize;

use super::coverage::{check, first};
use super::hx::{HxCommand, Tree};

/// A command that is not as it was.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// Its full name.
    pub name: String,
    /// `came`, `went` or `changed`.
    pub how: &'static str,
    /// What is another than before, a sentence each.
    pub what: Vec<String>,
    /// What our rows do not know of the newer tree's command, a sentence each; nothing where they
    /// know all.
    pub unknown: Vec<String>,
}

/// Compares the tables of two trees.
#[must_use]
pub fn tables(old: &Tree, new: &Tree) -> Vec<Changed> {
    let unknown = check(new);
    let unknown_of = |name: &str| {
        let head = format!("{name}: ");
        let of_name = unknown.iter().filter_map(|s| s.strip_prefix(&head));
        of_name.map(str::to_owned).collect()
    };
    let mut found = Vec::new();
    for (prefix, before, after) in [("", &old.main, &new.main), ("info ", &old.info, &new.info)] {
        let mut names: BTreeSet<&str> = BTreeSet::new();
        names.extend(before.iter().chain(after).map(|e| first(&e.name)));
        for name in names {
            let of = |list: &'_ [HxCommand]| -> Vec<HxCommand> {
                list.iter()
                    .filter(|e| first(&e.name) == name)
                    .cloned()
                    .collect()
            };
            let (was, is) = (of(before), of(after));
            if was == is {
                continue;
            }
            let full = format!("{prefix}{name}");
            found.push(Changed {
                how: match (was.is_empty(), is.is_empty()) {
                    (true, _) => "came",
                    (_, true) => "went",
                    _ => "changed",
                },
                what: differences(&was, &is),
                unknown: unknown_of(&full),
                name: full,
            });
        }
    }
    found
}

/// What differs between the entries of one name: there are several where conditions choose.
fn differences(was: &[HxCommand], is: &[HxCommand]) -> Vec<String> {
    type Member = (&'static str, fn(&HxCommand) -> String);
    const MEMBERS: [Member; 8] = [
        ("names", |e| e.name.clone()),
        ("args_type", |e| e.args.clone()),
        ("params", |e| e.params.clone()),
        ("flags", |e| e.flags.clone()),
        ("function", |e| e.handler.clone()),
        ("text of", |e| e.text_of.clone()),
        ("condition", |e| e.conditions.join(" && ")),
        ("deprecated", |e| {
            if e.deprecated() {
                "yes".into()
            } else {
                String::new()
            }
        }),
    ];
    let mut found = Vec::new();
    for (word, of) in MEMBERS {
        let join = |list: &[HxCommand]| list.iter().map(of).collect::<Vec<_>>().join(" / ");
        let (old, new) = (join(was), join(is));
        if old != new {
            found.push(match (was.is_empty(), is.is_empty()) {
                (true, _) => format!("{word} {new:?}"),
                (_, true) => format!("{word} {old:?}"),
                _ => format!("{word} was {old:?}, is {new:?}"),
            });
        }
    }
    let help = |list: &[HxCommand]| list.iter().map(|e| e.help.clone()).collect::<Vec<_>>();
    if !was.is_empty() && !is.is_empty() && help(was) != help(is) {
        found.push("its sentence in help is worded in another way".into());
    }
    found
}

/// For a terminal.
#[must_use]
pub fn render_tables(changes: &[Changed]) -> String {
    let mut out = String::new();
    for change in changes {
        // Writing to a string can't fail.
        let _ = writeln!(out, "{:<8} {}", change.how, change.name);
        for sentence in &change.what {
            let _ = writeln!(out, "         {sentence}");
        }
        match change.unknown.as_slice() {
            [] => out.push_str("         known\n"),
            unknown => {
                let _ = writeln!(out, "         not known: {}", unknown.join("; "));
            }
        }
    }
    let count = |how| changes.iter().filter(|c| c.how == how).count();
    let unknown = changes.iter().filter(|c| !c.unknown.is_empty()).count();
    let _ = writeln!(
        out,
        "{} came, {} went, {} changed; {unknown} of them not known",
        count("came"),
        count("went"),
        count("changed")
    );
    out
}

/// A QMP command that came or went, and what that means for our rows.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// The QMP command.
    pub command: String,
    /// `came` or `went`.
    pub how: &'static str,
    /// The commands with a route that sends it.
    pub serves: Vec<String>,
    /// The commands that are blocked where it is not there.
    pub frees: Vec<String>,
}

/// Compares the QMP commands of two QEMUs.
#[must_use]
pub fn schemas(old: &BTreeSet<String>, new: &BTreeSet<String>) -> Vec<Moved> {
    let moved = |how| {
        move |command: &String| Moved {
            how,
            serves: commands(|row| {
                let mut needs = row.routes.iter().flat_map(|route| route.needs());
                needs.any(|need| need == command)
            }),
            frees: commands(|row| {
                row.routes.iter().any(
                    |route| matches!(route.way, Way::Blocked(missing) if missing.name == command),
                )
            }),
            command: command.clone(),
        }
    };
    let came = new.difference(old).map(moved("came"));
    came.chain(old.difference(new).map(moved("went"))).collect()
}

/// The full names of the rows that a test is true of.
fn commands(is_one: impl Fn(&Command) -> bool) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (prefix, rows) in [("", MAIN), ("info ", INFO)] {
        for row in rows.iter().filter(|row| is_one(row)) {
            let name = format!("{prefix}{}", first(row.name));
            if !found.contains(&name) {
                found.push(name);
            }
        }
    }
    found
}

/// For a terminal: what our rows know first.
#[must_use]
pub fn render_schemas(moved: &[Moved]) -> String {
    if moved.is_empty() {
        return "no QMP command came or went\n".into();
    }
    let mut out = String::new();
    let (ours, others): (Vec<&Moved>, Vec<&Moved>) = moved
        .iter()
        .partition(|one| !one.serves.is_empty() || !one.frees.is_empty());
    for one in ours {
        // Writing to a string can't fail.
        let _ = write!(out, "{:<5} {}", one.how, one.command);
        if !one.frees.is_empty() {
            let _ = write!(out, " frees {}", one.frees.join(", "));
        }
        if !one.serves.is_empty() {
            let _ = write!(out, " serves {}", one.serves.join(", "));
        }
        out.push('\n');
    }
    for how in ["came", "went"] {
        let names = others.iter().filter(|one| one.how == how);
        let names: Vec<&str> = names.map(|one| one.command.as_str()).collect();
        if !names.is_empty() {
            let _ = writeln!(
                out,
                "{how}, and no row of ours names it: {}",
                names.join(", ")
            );
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use hmp_engine::qmp::version::v;

    use super::*;
    use crate::tables::hx;

    fn tree(release: (u32, u32), main: &str) -> Tree {
        Tree {
            version: v(release.0, release.1),
            main: hx::parse(main).unwrap(),
            info: Vec::new(),
            qmp: BTreeSet::new(),
        }
    }

    fn entry(name: &str, args: &str) -> String {
        format!("    {{\n .name = \"{name}\",\n .args_type = \"{args}\",\n .cmd = hmp_f,\n }},\n")
    }

    #[test]
    fn every_kind_of_change_is_found() {
        let old =
            entry("stop|s", "") + &entry("gone", "") + &entry("nmi", "") + &entry("cont|c", "");
        let new = entry("stop|s", "") + &entry("fresh", "a:i") + &entry("nmi", "cpu:i?");
        let new = format!("{new}#ifdef CONFIG_X\n{}#endif\n", entry("cont|c", ""));
        let found = tables(&tree((10, 0), &old), &tree((10, 2), &new));
        let short: Vec<(&str, &str)> = found.iter().map(|c| (c.how, c.name.as_str())).collect();
        assert_eq!(
            short,
            [
                ("changed", "cont"),
                ("came", "fresh"),
                ("went", "gone"),
                ("changed", "nmi")
            ]
        );
        assert_eq!(
            found[0].what,
            ["condition was \"\", is \"defined(CONFIG_X)\""]
        );
        assert_eq!(found[1].unknown, ["no row"]);
        assert_eq!(found[3].what, ["args_type was \"\", is \"cpu:i?\""]);
        let text = render_tables(&found);
        assert!(
            text.ends_with("1 came, 1 went, 2 changed; 3 of them not known\n"),
            "{text}"
        );
        assert!(tables(&tree((10, 0), &old), &tree((10, 0), &old)).is_empty());
    }

    #[test]
    fn a_deprecation_is_a_change() {
        let with = |help: &str| {
            let entry =
                entry("stop|s", "").replace(" .cmd", &format!(" .help = \"{help}\",\n .cmd"));
            tree((10, 0), &entry)
        };
        let found = tables(&with("x"), &with("x (deprecated)"));
        assert_eq!(
            found[0].what,
            [
                "deprecated was \"\", is \"yes\"",
                "its sentence in help is worded in another way"
            ]
        );
    }

    #[test]
    fn a_qmp_command_that_came_says_what_it_frees() {
        let set = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect();
        let moved = schemas(
            &set(&["stop", "old"]),
            &set(&["stop", "x-query-usernet", "new"]),
        );
        assert_eq!(render_schemas(&[]), "no QMP command came or went\n");
        let text = render_schemas(&moved);
        assert_eq!(
            text,
            "came  x-query-usernet frees info usernet serves info usernet\n\
             came, and no row of ours names it: new\nwent, and no row of ours names it: old\n"
        );
    }
}
