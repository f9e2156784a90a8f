// SPDX-License-Identifier: GPL-2.0-or-later
//! The command reference: a page for each family of commands, and a list of all.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use hmp_engine::command::hazard::At;
use hmp_engine::command::nature::{Effect, Family};
use hmp_engine::command::route::{self, Passthrough, Plan, Policy, Refusal, State};
use hmp_engine::command::row::{Command, Exact, Present, Way};
use hmp_engine::host::Risk;
use hmp_engine::qemu::caps::Caps;
use hmp_engine::qmp::version::Version;
use hmp_engine::table::HAZARDS;
use parity::case::Qemu;
use parity::recorded::asked::Asked;

use super::Page;
use super::facts::{Entry, Facts};
use crate::prose::{anchor, cell, codes, sentence, wrap};

/// Where the pages are.
pub const FOLDER: &str = "docs/commands";

/// How many lines of a long answer are shown.
const SHOWN: usize = 12;

/// How much of a long line is shown, in characters.
const WIDE: usize = 100;

const WRITTEN: &str =
    "Written by `cargo xtask generate` from the engine's rows and the recordings.\n";

/// The file of a family's page.
pub fn file(family: Family) -> String {
    format!("{}.md", anchor(family.title()))
}

/// All pages, the list first.
pub fn pages(facts: &Facts) -> Vec<Page> {
    let list = (format!("{FOLDER}/README.md"), list(facts));
    let families = Family::ALL.into_iter().map(|family| {
        let path = format!("{FOLDER}/{}", file(family));
        (path, family_page(facts, family))
    });
    std::iter::once(list).chain(families).collect()
}

const LIST: &str = "\
The commands of QEMU's human monitor as `hmp` has them: all of the releases 7.2 to 11.1, and those
that came in between. Each has a page section with its syntax, its route on every recorded QEMU, the
QMP behind it, what is different, and an example that was recorded from a real QEMU. The sentences
are our own; QEMU's manual has its own description of each.

What the words for routes mean, as a user sees it who has no built-in monitor:

| word | meaning |
|---|---|
| native | a QMP command does it |
| derived | several QMP commands together do it |
| local | nothing of QEMU is needed |
| partial | a part of the answer is there, and a note says what is missing |
| blocked | QMP has no interface for it |

Where QEMU has its built-in monitor, the lines of partial and blocked ones, and of those that could
differ on some machines, go to it, and the text is the built-in's (passthrough). The columns are
about x86_64, or, in brackets, about another target that has the command; `-` means that the release
does not have it.

Each route has a risk, and those that are not safe are taken with `--allow` only:

| risk | meaning |
|---|---|
";

fn list(facts: &Facts) -> String {
    let mut page = format!("# Command reference\n\n{WRITTEN}\n{LIST}");
    for risk in Risk::ALL {
        let _ = writeln!(page, "| {} | {} |", risk.word(), risk.meaning());
    }
    let releases: BTreeSet<Version> = facts.offers.keys().map(Qemu::version).collect();
    for family in Family::ALL {
        let (title, file) = (sentence(family.title()), file(family));
        let title = title.trim_end_matches('.');
        let _ = write!(page, "\n## {title}\n\n| command | what it does |");
        for release in &releases {
            let _ = write!(page, " {}.{} |", release.major, release.minor);
        }
        let _ = writeln!(page, "\n|---|---|{}", "---|".repeat(releases.len()));
        for entry in facts.entries.iter().filter(|e| e.family() == family) {
            let (name, row) = (&entry.name, entry.row());
            let at = anchor(name);
            let _ = write!(page, "| [`{name}`]({file}#{at}) | {} |", cell(row.help));
            for release in &releases {
                let _ = write!(page, " {} |", in_release(facts, entry, *release));
            }
            page.push('\n');
        }
    }
    page
}

/// The state on x86_64 of that release, or on a target that has the command.
fn in_release(facts: &Facts, entry: &Entry, release: Version) -> String {
    let of_release = facts.offers.iter().filter(|(q, _)| q.version() == release);
    let mut here = of_release.filter_map(|(qemu, caps)| Some((qemu, entry.on(caps)?, caps)));
    let all: Vec<_> = here.by_ref().collect();
    let x86 = all.iter().find(|(qemu, ..)| qemu.arch() == "x86_64");
    match (x86, all.first()) {
        (Some((_, row, caps)), _) => route::state(row, caps).word().to_owned(),
        (None, Some((qemu, row, caps))) => {
            format!("{} ({})", route::state(row, caps).word(), qemu.arch())
        }
        (None, None) => "-".into(),
    }
}

fn family_page(facts: &Facts, family: Family) -> String {
    let title = sentence(family.title());
    let title = title.trim_end_matches('.');
    let mut page = format!("# Commands: {title}\n\n{WRITTEN}[All commands](README.md)\n");
    for entry in facts.entries.iter().filter(|e| e.family() == family) {
        page.push('\n');
        page.push_str(&section(facts, entry));
    }
    page
}

/// What is said of one command.
fn section(facts: &Facts, entry: &Entry) -> String {
    let row = entry.row();
    let mut out = format!("## `{}`\n\n```text\n", entry.name);
    for syntax in syntaxes(entry) {
        out.push_str(&syntax);
        out.push('\n');
    }
    out.push_str("```\n\n");
    out.push_str(&wrap("", &sentence(row.help)));
    out.push('\n');
    out.push_str(&routes(facts, entry));
    out.push('\n');
    for point in points(facts, entry) {
        out.push_str(&wrap("- ", &point));
    }
    out.push('\n');
    out.push_str(&example(facts, entry));
    out
}

/// The syntax, of each release that spells it in another way.
fn syntaxes(entry: &Entry) -> Vec<String> {
    let with = |params: &str, args: &str| {
        let params = match params {
            "" => params_of(args),
            params => params.to_owned(),
        };
        format!("{} {params}", entry.name).trim_end().to_owned()
    };
    let mut found = Vec::new();
    for row in &entry.rows {
        for older in row.older {
            let Version { major, minor, .. } = older.before;
            found.push(format!(
                "{}    (before {major}.{minor})",
                with(older.params, older.args)
            ));
        }
        found.push(with(row.params, row.args));
    }
    // Where only the argument types changed, the text is the same.
    let newest = found.pop().unwrap_or_default();
    found.retain(|one| one.split("    (").next() != Some(&newest));
    found.dedup();
    found.insert(0, newest);
    found
}

/// Arguments as their types name them, for a command whose table says no more.
fn params_of(args: &str) -> String {
    let args = args.split(',').filter_map(|arg| arg.split_once(':'));
    let words = args.map(|(key, kind)| match kind {
        flag if flag.starts_with('-') => format!("[{flag}]"),
        optional if optional.ends_with('?') => format!("[{key}]"),
        _ => key.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// How a QEMU carries a command out.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Way3 {
    without: String,
    default: String,
    allowed: String,
}

/// The table of routes: QEMUs that are alike share a line.
fn routes(facts: &Facts, entry: &Entry) -> String {
    let mut alike: Vec<(Way3, Vec<&Qemu>)> = Vec::new();
    let mut all: BTreeMap<Version, usize> = BTreeMap::new();
    for (qemu, caps) in &facts.offers {
        let Some(row) = entry.on(caps) else { continue };
        *all.entry(qemu.version()).or_default() += 1;
        let way = way(row, caps);
        match alike.iter_mut().find(|(one, _)| *one == way) {
            Some((_, qemus)) => qemus.push(qemu),
            None => alike.push((way, vec![qemu])),
        }
    }
    if alike.is_empty() {
        return "None of the recorded QEMUs has it.\n".into();
    }
    let allow = alike.iter().any(|(way, _)| !way.allowed.is_empty());
    let (more, line) = match allow {
        true => (" with `--allow` |", "---|"),
        false => ("", ""),
    };
    let mut out =
        format!("| QEMU | without the built-in | by default |{more}\n|---|---|---|{line}\n");
    for (way, qemus) in &alike {
        let names = releases(qemus, &all);
        let _ = write!(out, "| {names} | {} | {} |", way.without, way.default);
        if allow {
            let _ = write!(out, " {} |", way.allowed);
        }
        out.push('\n');
    }
    out
}

/// `7.2, 10.0 (s390x), 11.1`: a release alone stands for all of its targets that have the command.
fn releases(qemus: &[&Qemu], all: &BTreeMap<Version, usize>) -> String {
    let mut by_release: BTreeMap<Version, Vec<&str>> = BTreeMap::new();
    for qemu in qemus {
        by_release
            .entry(qemu.version())
            .or_default()
            .push(qemu.arch());
    }
    let words = by_release.iter().map(|(version, targets)| {
        let release = format!("{}.{}", version.major, version.minor);
        match all.get(version) == Some(&targets.len()) {
            true => release,
            false => format!("{release} ({})", targets.join(", ")),
        }
    });
    words.collect::<Vec<_>>().join(", ")
}

fn way(row: &Command, caps: &Caps) -> Way3 {
    let never = Policy {
        passthrough: Passthrough::Never,
        allow: Risk::Safe,
    };
    let state = route::state(row, caps);
    let without = match (state, route::plan(row, caps, never)) {
        (State::Blocked, Plan::Refused(Refusal::Blocked(missing))) => {
            format!("blocked: QMP lacks `{}`", missing.name)
        }
        (State::Blocked, Plan::Refused(Refusal::Lacks(command))) => {
            format!("blocked: this release lacks `{command}`")
        }
        (State::Blocked, Plan::Refused(Refusal::NotAllowed(_))) => "needs `--allow`".into(),
        (state, _) => state.word().into(),
    };
    let default = match route::plan(row, caps, Policy::default()) {
        Plan::Run(..) => "the same".into(),
        Plan::Passthrough => "passthrough".into(),
        Plan::Refused(_) => "refused".into(),
    };
    let allowed = route::leave(row, caps).map(|risk| {
        let allowed = Policy {
            passthrough: Passthrough::Never,
            allow: risk,
        };
        match route::plan(row, caps, allowed) {
            Plan::Run(route, _) => {
                let taken = route::Taken::from(&route).word();
                format!("{taken} (`{}`)", risk.word())
            }
            _ => String::new(),
        }
    });
    Way3 {
        without,
        default,
        allowed: allowed.unwrap_or_default(),
    }
}

/// What else is to be said, a point each.
fn points(facts: &Facts, entry: &Entry) -> Vec<String> {
    let row = entry.row();
    let mut points = Vec::new();
    let aliases: Vec<&str> = entry.aliases().collect();
    if !aliases.is_empty() {
        points.push(format!("Also {}.", codes(aliases)));
    }
    points.push(presence(entry));
    points.push(effect(row));
    points.extend(qmp(facts, entry));
    points.extend(risks(entry));
    let reasons: BTreeSet<(&str, &str)> = entry
        .rows
        .iter()
        .flat_map(|row| row.routes)
        .filter_map(|route| match route.exact {
            Exact::Whole => None,
            Exact::Not(why) => Some(("The built-in monitor comes first where it is there", why)),
            Exact::ButErrors(why) => {
                Some(("A line that fails is repeated by the built-in monitor", why))
            }
        })
        .collect();
    points.extend(reasons.iter().map(|(what, why)| format!("{what}: {why}.")));
    let lines = facts.lines.get(&entry.name);
    let lines = lines.into_iter().flatten().map(String::as_str);
    let different = facts.differences.of(&entry.name, lines);
    let different = different.iter().map(|text| format!("Different: {text}"));
    points.extend(different);
    points
}

/// Which QEMUs have it.
fn presence(entry: &Entry) -> String {
    let row = entry.row();
    let first = entry.rows.iter().map(|row| row.since).min();
    let mut text = match first {
        Some(since) if since > Version::FIRST => {
            format!("QEMU has it since {}.{}", since.major, since.minor)
        }
        _ => "Every release since 7.2 has it".to_owned(),
    };
    if row.until < Version::NEVER {
        let _ = write!(text, ", until {}.{}", row.until.major, row.until.minor);
    }
    let mut present = row.present;
    if let Present::Until(bound, rule) = present {
        let Version { major, minor, .. } = bound;
        let _ = write!(text, "; before {major}.{minor}");
        present = *rule;
    }
    match present {
        Present::Target(targets) => {
            let word = if targets.len() == 1 {
                "target"
            } else {
                "targets"
            };
            let _ = write!(text, ", for the {word} {}", targets.join(", "));
        }
        Present::With(command) => {
            let _ = write!(text, ", in builds with the QMP command `{command}`");
        }
        Present::RareBuild => text.push_str(", in few builds"),
        Present::Always | Present::Until(..) => {}
    }
    if row.preconfig {
        text.push_str("; it works before the machine is there (`--preconfig`), too");
    }
    text + "."
}

fn effect(row: &Command) -> String {
    let mut text = match row.effect {
        Effect::Looks => "It only looks.".to_owned(),
        Effect::Writes => "It writes a file, and leaves the VM as it is.".to_owned(),
        Effect::Changes([]) => "It changes the VM.".to_owned(),
        Effect::Changes([shown]) => format!("It changes the VM; `{shown}` shows the change."),
        Effect::Changes(shown) => {
            let shown = codes(shown.iter().copied());
            format!("It changes the VM; {shown} show the change.")
        }
    };
    if !row.loses.is_empty() {
        let _ = write!(text, " What may be lost: {}.", row.loses);
    }
    text
}

/// The QMP commands behind it.
fn qmp(facts: &Facts, entry: &Entry) -> Vec<String> {
    let routes = entry.rows.iter().flat_map(|row| row.routes);
    let mut needs: BTreeMap<Risk, BTreeSet<&str>> = BTreeMap::new();
    let mut local = false;
    for route in routes {
        local |= matches!(route.way, Way::Local(_));
        needs.entry(route.risk).or_default().extend(route.needs());
    }
    let safe = needs.remove(&Risk::Safe).unwrap_or_default();
    let sent = facts.sent(entry);
    let more: Vec<&str> = sent.difference(&safe).copied().collect();
    let mut points = Vec::new();
    if !safe.is_empty() {
        points.push(format!("QMP: {}.", codes(safe)));
    } else if local {
        points.push("QMP: none, the monitor itself answers.".into());
    }
    if !more.is_empty() {
        points.push(format!("Recorded lines asked {} as well.", codes(more)));
    }
    for (risk, needs) in needs {
        points.push(format!(
            "QMP with `--allow {}`: {}.",
            risk.word(),
            codes(needs)
        ));
    }
    points
}

/// Risk classes and known dangers.
fn risks(entry: &Entry) -> Vec<String> {
    let routes = entry.rows.iter().flat_map(|row| row.routes);
    let routes = routes.filter(|route| !matches!(route.way, Way::Blocked(_)));
    let risks: BTreeSet<Risk> = routes.map(|route| route.risk).collect();
    let words: Vec<&str> = risks.iter().map(|risk| risk.word()).collect();
    let mut points = match words.is_empty() {
        true => Vec::new(),
        false => vec![format!("Risk: {}.", words.join(", "))],
    };
    let is_at = |at: &At| matches!(at, At::Line(name) if *name == entry.name);
    for hazard in HAZARDS.iter().filter(|hazard| hazard.at.iter().any(is_at)) {
        let release = |v: Version| format!("{}.{}", v.major, v.minor);
        let mut when = String::new();
        if hazard.since > Version::FIRST {
            let _ = write!(when, " from {}", release(hazard.since));
        }
        if hazard.until < Version::NEVER {
            let _ = write!(when, " before {}", release(hazard.until));
        }
        points.push(format!(
            "Danger{when}: `{}` {}. Such lines are refused.",
            entry.name, hazard.harm
        ));
    }
    points
}

/// The example, or why there is none.
fn example(facts: &Facts, entry: &Entry) -> String {
    if let Some(one) = facts.example(entry) {
        return shown(facts, one, "Recorded");
    }
    match facts.recorded(entry) {
        Some(one) => shown(facts, one, "Answer of the built-in monitor, recorded"),
        None => "No line of it that can be shown was recorded.\n".into(),
    }
}

fn shown(facts: &Facts, one: &Asked, what: &str) -> String {
    let folder = one.entry.case.split('/').next().unwrap_or_default();
    let machine = facts.machines.get(folder).map_or("", String::as_str);
    let mut out = wrap("", &format!("{what} ({machine}):"));
    let _ = write!(
        out,
        "\n```text\n(qemu) {}\n{}```\n",
        one.entry.line,
        answer(&one.entry.builtin)
    );
    out
}

/// An answer without what is too long, and with a word about what was left out.
fn answer(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let keep = match lines.len() {
        len if len <= SHOWN + 4 => len,
        _ => SHOWN,
    };
    let mut out = String::new();
    for line in &lines[..keep] {
        let line = line.replace('\t', "    ");
        let line: String = line
            .chars()
            .map(|c| if c.is_control() { '?' } else { c })
            .collect();
        match line.chars().count() {
            count if count > WIDE => {
                let start: String = line.chars().take(WIDE - 20).collect();
                let _ = writeln!(out, "{start}[{} more characters]", count - (WIDE - 20));
            }
            _ => {
                let _ = writeln!(out, "{line}");
            }
        }
    }
    if keep < lines.len() {
        let _ = writeln!(out, "[{} more lines]", lines.len() - keep);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_answers_say_what_was_left_out() {
        assert_eq!(answer("a\nb\n"), "a\nb\n");
        let long = answer(&"x\n".repeat(40));
        assert_eq!(long.lines().count(), SHOWN + 1);
        assert!(long.ends_with("[28 more lines]\n"));
        let wide = answer(&"y".repeat(300));
        assert!(wide.ends_with("y[220 more characters]\n"), "{wide}");
        assert_eq!(answer("a\u{1b}[1m\n"), "a?[1m\n");
    }

    #[test]
    fn releases_stand_for_all_their_targets() {
        let qemus: Vec<Qemu> = ["7.2-x86_64", "10.0-arm", "10.0-s390x"]
            .iter()
            .map(|label| label.parse().unwrap())
            .collect();
        let names: Vec<&Qemu> = qemus.iter().collect();
        let mut all = BTreeMap::new();
        for qemu in &qemus {
            *all.entry(qemu.version()).or_default() += 1;
        }
        assert_eq!(releases(&names, &all), "7.2, 10.0");
        assert_eq!(releases(&names[..2], &all), "7.2, 10.0 (arm)");
    }
}
