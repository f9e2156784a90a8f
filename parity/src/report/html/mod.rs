//! The report as one HTML page that needs nothing else: no network, no server, no other file.
//!
//! The page is a function of the report, an earlier report, and the static tables. Its data is JSON inside the page;
//! everything that is seen is made of that by the scripts beside this file.

mod families;
mod rows;
mod texts;
mod trend;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use monitor::table::{self, INFO, MAIN};
use serde::Serialize;

use super::{Entry, Report};
use crate::judge::compare::Verdict;
use crate::live::complete::Completed;
use crate::live::qemu::parse_version;
use crate::tables::forecast::Forecast;
use texts::Texts;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");

/// The scripts in the order of their use; they share one function's scope.
const SCRIPTS: [&str; 8] = [
    include_str!("data.js"),
    include_str!("dom.js"),
    include_str!("diff.js"),
    include_str!("grid.js"),
    include_str!("overview.js"),
    include_str!("matrix.js"),
    include_str!("command.js"),
    include_str!("main.js"),
];

/// What the page embeds. Verdicts, QEMUs, machines, cases and texts are numbers in the lists of those names.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    native_only: bool,
    stale: &'a [String],
    /// Most bytes of an answer that are embedded.
    cap: usize,
    verdicts: Vec<Word>,
    families: Vec<&'static str>,
    qemus: Vec<&'a str>,
    machines: Vec<&'a str>,
    cases: Vec<&'a str>,
    routes: Vec<&'a str>,
    commands: Vec<rows::Row>,
    dangers: Vec<rows::Danger>,
    lacks: Vec<rows::Lack>,
    masks: Vec<rows::Masked>,
    entries: Vec<Line<'a>>,
    texts: Texts<'a>,
    completions: Vec<Completions<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage: Option<&'a Forecast>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<trend::Trend<'a>>,
}

/// What TAB did on a QEMU; prefixes that are identical are counted only.
#[derive(Debug, Serialize)]
struct Completions<'a> {
    qemu: &'a str,
    all: usize,
    identical: usize,
    others: Vec<&'a Completed>,
}

/// A verdict, with the letter that stands for it.
#[derive(Debug, Serialize)]
struct Word {
    word: &'static str,
    letter: char,
    about: &'static str,
    passes: bool,
}

/// An entry in short: command, QEMU, machine, case, line, route, verdict, the built-in's answer, ours, note, masks, probes.
#[derive(Debug, Serialize)]
struct Line<'a>(
    usize,
    usize,
    usize,
    usize,
    usize,
    usize,
    usize,
    usize,
    usize,
    usize,
    &'a [String],
    Vec<Probe>,
);

/// A probe in short: its name, whether the sides are alike, the built-in's side, ours.
#[derive(Debug, Serialize)]
struct Probe(usize, bool, usize, usize);

/// The page for `report`, with what changed since `before`, if there is one.
pub fn render(report: &Report, before: Option<&Report>) -> Result<String, serde_json::Error> {
    let data = embeddable(&serde_json::to_string(&data(report, before))?);
    let script = SCRIPTS.concat();
    let mut page = String::with_capacity(PAGE.len() + STYLE.len() + script.len() + data.len());
    let mut rest = PAGE;
    // Each mark is looked for in the template alone, so that no answer can be taken for one.
    for (mark, content) in [
        ("{{style}}", STYLE),
        ("{{data}}", data.as_str()),
        ("{{script}}", script.as_str()),
    ] {
        let (head, tail) = rest.split_once(mark).unwrap_or((rest, ""));
        page.push_str(head);
        page.push_str(content);
        rest = tail;
    }
    page.push_str(rest);
    Ok(page)
}

/// JSON that can't end the element it stands in: `<` occurs in strings only, where an escape means the same.
fn embeddable(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

fn data<'a>(report: &'a Report, before: Option<&'a Report>) -> Data<'a> {
    let entries = &report.entries;
    let mut qemus = distinct(entries, |e| &e.qemu);
    // The target that most lines ran on comes first, its releases oldest first.
    let target = |label: &str| {
        label
            .split_once('-')
            .map_or("", |(_, arch)| arch)
            .to_owned()
    };
    let mut lines: HashMap<String, usize> = HashMap::new();
    for entry in entries {
        *lines.entry(target(&entry.qemu)).or_default() += 1;
    }
    qemus.sort_by_key(|label| {
        let arch = target(label);
        (
            Reverse(lines.get(&arch).copied()),
            arch,
            parse_version(label),
        )
    });
    let mut data = Data {
        native_only: report.native_only,
        stale: &report.stale,
        cap: texts::CAP,
        verdicts: words(),
        families: families::all().collect(),
        machines: distinct(entries, machine),
        cases: distinct(entries, |e| &e.case),
        routes: distinct(entries, |e| &e.route),
        commands: rows::all(entries.iter().map(command), &qemus),
        dangers: rows::dangers(),
        lacks: rows::lacks(),
        masks: rows::masks(),
        entries: Vec::new(),
        texts: Texts::default(),
        completions: completions(&report.completions),
        coverage: report.coverage.as_ref(),
        before: before.map(|before| trend::since(before, report)),
        qemus,
    };
    data.entries = entries.iter().map(|e| line(e, &mut data)).collect();
    data
}

fn completions(completed: &[Completed]) -> Vec<Completions<'_>> {
    let qemus: BTreeSet<&str> = completed.iter().map(|c| c.qemu.as_str()).collect();
    let mut qemus: Vec<&str> = qemus.into_iter().collect();
    qemus.sort_by_key(|label| parse_version(label));
    let of_qemu = |qemu| {
        let all: Vec<_> = completed.iter().filter(|c| c.qemu == qemu).collect();
        let (identical, others): (Vec<_>, Vec<_>) =
            all.iter().partition(|c| c.verdict == Verdict::Identical);
        Completions {
            qemu,
            all: all.len(),
            identical: identical.len(),
            others,
        }
    };
    qemus.into_iter().map(of_qemu).collect()
}

fn words() -> Vec<Word> {
    let word = |verdict: Verdict| {
        let (letter, about) = letter(verdict);
        Word {
            word: verdict.word(),
            letter,
            about,
            passes: verdict.passes(),
        }
    };
    Verdict::ALL.map(word).into()
}

fn letter(verdict: Verdict) -> (char, &'static str) {
    match verdict {
        Verdict::Identical => ('I', "byte for byte alike, and the same effect"),
        Verdict::Masked => ('M', "alike behind masks that keep the width"),
        Verdict::Volatile => ('V', "different each time by nature; the shape is alike"),
        Verdict::Known => ('K', "different for a reason that known.toml gives"),
        Verdict::Passthrough => (
            'T',
            "the built-in answered for us: nothing of ours was tried",
        ),
        Verdict::Partial => ('P', "part of the answer, by design"),
        Verdict::Blocked => ('B', "QMP has no interface for it"),
        Verdict::Refused => ('R', "not run, because it would harm this QEMU"),
        Verdict::Pending => ('C', "ours to convert"),
        Verdict::NotRun => ('N', "it did not run"),
        Verdict::Different => ('D', "the answers or the effects differ"),
    }
}

/// What the entries have there, sorted.
fn distinct(entries: &[Entry], of: impl Fn(&Entry) -> &str) -> Vec<&str> {
    let set: BTreeSet<&str> = entries.iter().map(of).collect();
    set.into_iter().collect()
}

fn line<'a>(entry: &'a Entry, data: &mut Data<'a>) -> Line<'a> {
    let texts = &mut data.texts;
    let (builtin, ours) = texts.pair(&entry.builtin, &entry.ours);
    let probe = |probed: &'a super::Probed| {
        let (builtin, ours) = texts.pair(&probed.builtin, &probed.ours);
        Probe(texts.whole(&probed.probe), probed.alike, builtin, ours)
    };
    let probes = entry.probes.iter().map(probe).collect();
    let name = command(entry);
    let found = data
        .commands
        .binary_search_by(|row| row.name.as_str().cmp(&name));
    Line(
        found.unwrap_or_default(),
        place(&data.qemus, &entry.qemu),
        place(&data.machines, machine(entry)),
        place(&data.cases, &entry.case),
        texts.whole(&entry.line),
        place(&data.routes, &entry.route),
        trend::number(entry.verdict),
        builtin,
        ours,
        texts.whole(&entry.note),
        &entry.masks,
        probes,
    )
}

/// The command of an entry. Lines of a VM that did not start have none, and count for the command that they name.
fn command(entry: &Entry) -> Cow<'_, str> {
    if !entry.command.is_empty() || entry.verdict != Verdict::NotRun {
        return Cow::Borrowed(&entry.command);
    }
    let first = |table, text: &str| {
        let name = text.trim_start().split([' ', '\t', '/']).next()?;
        let row = table::find(table, name).first()?.names().next()?;
        Some((row, text.trim_start()[name.len()..].to_owned()))
    };
    match first(MAIN, &entry.line) {
        Some(("info", rest)) => match first(INFO, &rest) {
            Some((name, _)) => Cow::Owned(format!("info {name}")),
            None => Cow::Borrowed("info"),
        },
        Some((name, _)) => Cow::Borrowed(name),
        None => Cow::Borrowed(""),
    }
}

fn place(list: &[&str], word: &str) -> usize {
    list.iter().position(|w| *w == word).unwrap_or_default()
}

/// The machine type, where the entry says it: recordings have it in their folder's name (`10.0-x86_64-q35+numa/main`).
fn machine(entry: &Entry) -> &str {
    if !entry.machine.is_empty() {
        return &entry.machine;
    }
    entry
        .case
        .strip_prefix(entry.qemu.as_str())
        .and_then(|rest| rest.strip_prefix('-')?.split(['/', '+']).next())
        .unwrap_or_default()
}
