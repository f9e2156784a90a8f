// SPDX-License-Identifier: GPL-2.0-or-later
//! The QMP interfaces that QEMU lacks, ranked by what each would free.

use std::collections::BTreeSet;
use std::fmt::Write;

use hmp_engine::command::route::{self, State};
use hmp_engine::command::row::{Command, Way};
use hmp_engine::host::Risk;
use hmp_engine::qemu::missing;
use hmp_engine::table;
use serde::{Deserialize, Serialize};

use super::interfaces::{self, Interface, Partly};
use super::offered::Offers;
use super::qapi;
use super::stuck::Stuck;
use crate::case::Qemu;

/// An interface that is missing. Its JSON form is described by docs/gaps.schema.json.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Gap {
    /// The QMP command proposed.
    pub name: String,
    /// Its QAPI definition, with its types.
    pub qapi: String,
    /// Why nothing that exists will do.
    pub why: String,
    /// The function of QEMU that holds today's code, and its file.
    pub function: String,
    /// The release of QEMU that has the command, where one has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged: Option<String>,
    /// The release of QEMU that deprecates its commands, where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<String>,
    /// The commands of the human monitor that it would free, with `info ` in front of sub-commands.
    pub frees: Vec<String>,
    /// The commands that it would make whole.
    pub partly: Vec<Completes>,
    /// The QEMUs looked at that lack it.
    pub qemus: Vec<Qemu>,
    /// The lines of runs that it would free.
    pub lines: usize,
    /// Public uses that were looked at.
    pub uses: u32,
    /// The place by uses in public scripts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scripts: Option<u32>,
    /// What works today, with leave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub today: Vec<Today>,
    /// Notes in answers that would go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What TAB offers with it alone.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub completion: String,
    /// Files of ours that would go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deletes: Vec<String>,
    /// Parts of files of ours that would go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deletes_in_part: Vec<String>,
}

/// A command that depends on an interface for a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completes {
    /// Its full name.
    pub command: String,
    /// The part.
    pub what: String,
}

/// What works without the interface, where it is allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Today {
    /// The command.
    pub command: String,
    /// `pausing` or `risky`.
    pub allow: String,
    /// The targets; all where it is empty.
    pub targets: Vec<String>,
}

impl Gap {
    /// Whether nobody needs to add it: QEMU has it in a later release, or deprecates its commands.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.merged.is_some() || self.deprecated.is_some()
    }

    /// Why nobody needs to add it.
    #[must_use]
    pub fn settled_words(&self) -> Option<String> {
        match (&self.merged, &self.deprecated) {
            (Some(release), _) => Some(format!("QEMU has it from {release} on")),
            (None, Some(release)) => {
                Some(format!("QEMU deprecates its commands from {release} on"))
            }
            (None, None) => None,
        }
    }

    /// How it is weighed: `no. 3 in public scripts, 1 use, 53 lines freed, 6 targets`.
    #[must_use]
    pub fn weight_words(&self) -> String {
        let plural = |count: usize, word: &str| match count {
            1 => format!("1 {word}"),
            _ => format!("{count} {word}s"),
        };
        let place = self
            .scripts
            .map(|place| format!("no. {place} in public scripts, "));
        format!(
            "{}{}, {} freed, {}",
            place.unwrap_or_default(),
            plural(self.uses as usize, "use"),
            plural(self.lines, "line"),
            plural(self.targets().len(), "target")
        )
    }

    /// The targets among its QEMUs.
    #[must_use]
    pub fn targets(&self) -> BTreeSet<&str> {
        self.qemus.iter().map(Qemu::arch).collect()
    }

    /// Those of its commands that it frees, and those that it makes whole.
    pub fn commands(&self) -> impl Iterator<Item = &str> {
        let partly = self.partly.iter().map(|one| one.command.as_str());
        self.frees.iter().map(String::as_str).chain(partly)
    }

    /// `works today with --allow risky on i386, x86_64`, for each way.
    #[must_use]
    pub fn today_words(&self) -> Vec<String> {
        let word = |today: &Today| {
            let on = match today.targets.is_empty() {
                true => String::new(),
                false => format!(" on {}", today.targets.join(", ")),
            };
            format!(
                "{} works today with --allow {}{on}",
                today.command, today.allow
            )
        };
        self.today.iter().map(word).collect()
    }
}

/// The gaps of these QEMUs, by rank: those that nobody added or deprecated first; then by uses in public scripts,
/// by uses that were looked at, by lines that they would free, and by targets.
#[must_use]
pub fn gaps(qemus: &Offers, stuck: &[Stuck]) -> Vec<Gap> {
    let found = interfaces::all().iter().map(|one| gap(one, qemus, stuck));
    let mut gaps: Vec<Gap> = found.filter(|gap| !gap.qemus.is_empty()).collect();
    gaps.sort_by(|a, b| {
        let last = |gap: &Gap| gap.scripts.unwrap_or(u32::MAX);
        (a.is_settled().cmp(&b.is_settled()))
            .then(last(a).cmp(&last(b)))
            .then(b.uses.cmp(&a.uses))
            .then(b.lines.cmp(&a.lines))
            .then(b.targets().len().cmp(&a.targets().len()))
            .then(a.name.cmp(&b.name))
    });
    gaps
}

fn gap(one: &Interface, qemus: &Offers, stuck: &[Stuck]) -> Gap {
    let mut gap = Gap {
        name: one.name.clone(),
        qapi: qapi::definition(one),
        why: why(one).to_owned(),
        function: format!("{} ({})", one.function, one.file),
        merged: one.merged.clone(),
        deprecated: one.deprecated.clone(),
        frees: Vec::new(),
        partly: Vec::new(),
        qemus: Vec::new(),
        lines: 0,
        uses: 0,
        scripts: one.scripts,
        today: Vec::new(),
        notes: one.notes.clone(),
        completion: one.completion.clone(),
        deletes: one.deletes.clone(),
        deletes_in_part: one.in_part.clone(),
    };
    for (qemu, caps) in qemus.iter().filter(|(_, caps)| !caps.has(&one.name)) {
        for (prefix, row) in table::rows(caps).all() {
            let command = format!("{prefix}{}", row.names().next().unwrap_or_default());
            let blocked = is_blocked(row, one);
            let partly = one.partly.iter().filter(|partly| partly.command == command);
            // A row that an older QEMU is blocked at is free where another command came instead.
            if blocked && matches!(route::state(row, caps), State::Native) {
                continue;
            }
            for part in partly {
                let completes = Completes {
                    command: command.clone(),
                    what: part.what.clone(),
                };
                push(&mut gap.partly, completes);
                push(&mut gap.qemus, qemu.clone());
            }
            if blocked {
                push(&mut gap.frees, command.clone());
                push(&mut gap.qemus, qemu.clone());
            }
            if blocked || one.partly.iter().any(|partly| partly.command == command) {
                today(&mut gap.today, &command, row);
            }
        }
    }
    gap.uses = gap.commands().map(interfaces::uses).sum();
    let lacking = |stuck: &&Stuck| gap.qemus.contains(&stuck.qemu);
    let freed = |stuck: &&Stuck| {
        gap.frees.contains(&stuck.command) || one.partly.iter().any(|part| is_of(part, stuck))
    };
    gap.lines = stuck.iter().filter(lacking).filter(freed).count();
    gap
}

/// Adds what is not there yet.
fn push<T: PartialEq>(list: &mut Vec<T>, one: T) {
    if !list.contains(&one) {
        list.push(one);
    }
}

fn is_blocked(row: &Command, one: &Interface) -> bool {
    let blocked = |way: &Way| matches!(way, Way::Blocked(missing) if missing.name == one.name);
    row.routes.iter().any(|route| blocked(&route.way))
}

fn is_of(part: &Partly, stuck: &Stuck) -> bool {
    let fits = |line: &regex::Regex| line.is_match(&stuck.line);
    part.command == stuck.command && part.lines.as_ref().is_none_or(fits)
}

/// The ways of a row that need leave.
fn today(found: &mut Vec<Today>, command: &str, row: &Command) {
    let with_leave = row.routes.iter().filter(|route| route.risk > Risk::Safe);
    for route in with_leave {
        let today = Today {
            command: command.to_owned(),
            allow: route.risk.word().to_owned(),
            targets: route.targets.iter().map(|&t| t.to_owned()).collect(),
        };
        push(found, today);
    }
}

fn why(one: &Interface) -> &str {
    let engine = missing::ALL.iter().find(|missing| missing.name == one.name);
    engine.map_or(one.why.as_str(), |missing| missing.why)
}

/// The gaps for a terminal, by rank. `lines` counts the lines of a file of ours, if it is there.
#[must_use]
pub fn render(gaps: &[Gap], lines: impl Fn(&str) -> Option<usize>) -> String {
    let mut out = String::new();
    for (at, gap) in gaps.iter().enumerate() {
        // Writing to a string can't fail.
        let _ = one(&mut out, at + 1, gap, &lines);
    }
    out
}

fn one(
    out: &mut String,
    rank: usize,
    gap: &Gap,
    lines: impl Fn(&str) -> Option<usize>,
) -> std::fmt::Result {
    let qemus: Vec<String> = gap.qemus.iter().map(Qemu::to_string).collect();
    write!(out, "{rank}. {}", gap.name)?;
    if let Some(words) = gap.settled_words() {
        write!(out, " ({words})")?;
    }
    if gap.frees.is_empty() {
        out.push_str(" would free no whole command");
    } else {
        write!(
            out,
            " would free {}: {}",
            gap.frees.len(),
            gap.frees.join(", ")
        )?;
    }
    writeln!(out, "\n    rank      {}", gap.weight_words())?;
    for part in &gap.partly {
        writeln!(out, "    partly    {}: {}", part.command, part.what)?;
    }
    writeln!(out, "    today     {}", gap.function)?;
    for way in gap.today_words() {
        writeln!(out, "    mark      {way}")?;
    }
    writeln!(out, "    because   {}", gap.why)?;
    for note in &gap.notes {
        writeln!(out, "    note      would go: {note}")?;
    }
    if !gap.completion.is_empty() {
        writeln!(out, "    TAB       would know {}", gap.completion)?;
    }
    if !gap.deletes.is_empty() {
        let counted: usize = gap.deletes.iter().filter_map(|file| lines(file)).sum();
        let sum = match counted {
            0 => String::new(),
            counted => format!(" ({counted} lines)"),
        };
        writeln!(out, "    deletes   {}{sum}", gap.deletes.join(", "))?;
    }
    for part in &gap.deletes_in_part {
        writeln!(out, "    deletes   {part}")?;
    }
    writeln!(out, "    lacking   {}", qemus.join(", "))?;
    for line in gap.qapi.lines() {
        writeln!(out, "    | {line}")?;
    }
    out.push('\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use hmp_engine::qemu::caps::Caps;
    use hmp_engine::qmp::version::v;

    use super::*;
    use crate::judge::sample;

    fn qemu(commands: &[&'static str]) -> Offers {
        let caps = Caps::from_parts(v(11, 1), Some("x86_64"), commands.iter().copied());
        Offers::from([(Qemu::of(&caps), caps)])
    }

    #[test]
    fn an_interface_that_is_there_is_not_a_gap() {
        let named = |commands: &[&'static str], name: &str| {
            gaps(&qemu(commands), &[]).iter().any(|g| g.name == name)
        };
        assert!(named(&[], "x-query-usernet"));
        assert!(!named(&["x-query-usernet"], "x-query-usernet"));
        assert!(named(&[], "inject-mce"));
        for name in ["x-query-qtree", "x-query-mtree", "drive-add", "drive-del"] {
            assert!(named(&[], name), "{name}");
        }
    }

    #[test]
    fn what_scripts_use_comes_first_and_what_qemu_has_comes_last() {
        let gaps = gaps(&qemu(&[]), &[]);
        let names: Vec<&str> = gaps.iter().map(|gap| gap.name.as_str()).collect();
        assert_eq!(names[..2], ["drive-add", "drive-del"]);
        let place = |name: &str| names.iter().position(|n| *n == name).unwrap();
        assert!(place("x-query-registers") < place("x-query-gva2gpa"));
        assert!(place("x-query-gva2gpa") < place("x-query-tlb"));
        assert!(place("x-query-tlb") < place("x-query-mtree"));
        assert!(gaps.is_sorted_by_key(Gap::is_settled));
        let text = render(&gaps, |_| Some(10));
        assert!(text.contains("(QEMU has it from 11.2 on)"), "{text}");
        assert!(text.contains("apic.rs (20 lines)"), "{text}");
    }

    #[test]
    fn registers_free_the_expressions_that_need_them() {
        let line = |command: &str, line: &str| Stuck {
            qemu: sample::qemu("11.1-x86_64"),
            command: command.into(),
            line: line.into(),
        };
        let stuck = [
            line("print", "print $pc"),
            line("print", "print 1 +"),
            line("x", "x/4i 0x1000"),
            line("x", "x/4x 0x1000"),
            line("info registers", "info registers -a"),
            line("info mtree", "info mtree"),
        ];
        let gaps = gaps(&qemu(&[]), &stuck);
        let registers = gaps.iter().find(|g| g.name == "x-query-registers").unwrap();
        assert_eq!(registers.lines, 3);
        assert_eq!(registers.frees, ["info registers"]);
        assert!(registers.partly.iter().any(|part| part.command == "print"));
        let today = registers.today_words().join("\n");
        assert!(
            today.contains("info registers works today with --allow risky on aarch64, arm"),
            "{today}"
        );
    }
}
