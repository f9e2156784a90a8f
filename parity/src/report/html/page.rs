// SPDX-License-Identifier: GPL-2.0-or-later
//! The page is a function of the report, an earlier report, and the static tables. Its data is JSON
//! inside the page; everything that is seen is made of that by the scripts beside this file.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use hmp_engine::command::nature::Family;
use serde::Serialize;

use super::named::{command, machine, route};
use super::texts::{self, Texts};
use super::{rows, trend};
use crate::case::Qemu;
use crate::judge::{Completed, Entry, Probed, Verdict};
use crate::report::Report;
use crate::report::history::Run;
use crate::tables::forecast::Forecast;
use crate::tables::gaps::Gap;
use crate::tables::pairs::{self, Pair};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");

/// The scripts in the order of their use; they share one function's scope.
const SCRIPTS: [&str; 12] = [
    include_str!("data.js"),
    include_str!("dom.js"),
    include_str!("diff.js"),
    include_str!("grid.js"),
    include_str!("gaps.js"),
    include_str!("overview.js"),
    include_str!("details.js"),
    include_str!("changes.js"),
    include_str!("completion.js"),
    include_str!("matrix.js"),
    include_str!("command.js"),
    include_str!("main.js"),
];

/// What the page embeds. Verdicts, QEMUs, machines, cases and texts are numbers in the lists of
/// those names.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    native_only: bool,
    date: &'a str,
    revision: &'a str,
    builds: &'a BTreeMap<Qemu, BTreeSet<String>>,
    /// Runs in short, of this report's kind, oldest first.
    history: Vec<&'a Run>,
    pairs: Vec<Pair>,
    stale: &'a [String],
    /// Most bytes of an answer that are embedded.
    cap: usize,
    verdicts: Vec<Word>,
    families: Vec<&'static str>,
    qemus: Vec<&'a Qemu>,
    machines: Vec<&'a str>,
    cases: Vec<&'a str>,
    routes: Vec<&'a str>,
    commands: Vec<rows::Row>,
    dangers: Vec<rows::Danger>,
    gaps: &'a [Gap],
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
    qemu: &'a Qemu,
    all: usize,
    identical: usize,
    /// Identical ones and all, by kind of argument.
    kinds: BTreeMap<&'a str, (usize, usize)>,
    others: Vec<&'a Completed>,
}

/// A verdict, with its letter.
#[derive(Debug, Serialize)]
struct Word {
    word: &'static str,
    letter: char,
    about: &'static str,
    passes: bool,
}

/// An entry in short: command, QEMU, machine, case, line, route, verdict, the built-in's answer,
/// ours, note, masks, probes, whether the command succeeded and passed, how much of the answer it is
/// (empty where it is no part), notes.
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
    bool,
    String,
    &'a [String],
);

/// A probe in short: its name, whether the sides are alike, the built-in's side, ours.
#[derive(Debug, Serialize)]
struct Probe(usize, bool, usize, usize);

/// The page for `report`, with what changed since `before`, if there is one, and with trends of
/// earlier runs, oldest first.
pub fn render(
    report: &Report,
    before: Option<&Report>,
    history: &[Run],
) -> Result<String, serde_json::Error> {
    let data = embeddable(&serde_json::to_string(&data(report, before, history))?);
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

/// JSON that can't end the element around it: `<` occurs in strings only, where an escape means
/// the same.
fn embeddable(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

fn data<'a>(report: &'a Report, before: Option<&'a Report>, history: &'a [Run]) -> Data<'a> {
    let run = Run::of(report);
    let entries = &report.entries;
    // The target that most lines ran on comes first, its releases oldest first.
    let mut lines: HashMap<&str, usize> = HashMap::new();
    for entry in entries {
        *lines.entry(entry.qemu.arch()).or_default() += 1;
    }
    let mut qemus = distinct(entries, |e| &e.qemu);
    qemus.sort_by_key(|qemu| {
        let arch = qemu.arch();
        (Reverse(lines.get(arch).copied()), arch, qemu.version())
    });
    let mut data = Data {
        native_only: report.native_only,
        date: &report.date,
        revision: &report.revision,
        builds: &report.builds,
        history: history.iter().filter(|one| one.is_like(&run)).collect(),
        pairs: pairs::pairs(&qemus),
        stale: &report.stale,
        cap: texts::CAP,
        verdicts: words(),
        families: Family::ALL
            .map(Family::title)
            .into_iter()
            .chain([rows::OTHER])
            .collect(),
        machines: distinct(entries, machine),
        cases: distinct(entries, |e| e.case.as_str()),
        routes: distinct(entries, route),
        commands: rows::all(entries.iter().map(command), &qemus),
        dangers: rows::dangers(),
        gaps: &report.gaps,
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
    let qemus: BTreeSet<&Qemu> = completed.iter().map(|c| &c.qemu).collect();
    qemus
        .into_iter()
        .map(|qemu| of_qemu(completed, qemu))
        .collect()
}

fn of_qemu<'a>(completed: &'a [Completed], qemu: &'a Qemu) -> Completions<'a> {
    let all = completed.iter().filter(|c| c.qemu == *qemu);
    let mut kinds: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for one in all.clone() {
        let (identical, all) = kinds.entry(&one.kind).or_default();
        *identical += usize::from(one.verdict == Verdict::Identical);
        *all += 1;
    }
    let (identical, others): (Vec<_>, Vec<_>) = all.partition(|c| c.verdict == Verdict::Identical);
    Completions {
        qemu,
        all: identical.len() + others.len(),
        identical: identical.len(),
        kinds,
        others,
    }
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
fn distinct<'a, T: Ord + ?Sized>(
    entries: &'a [Entry],
    of: impl Fn(&'a Entry) -> &'a T,
) -> Vec<&'a T> {
    let set: BTreeSet<&T> = entries.iter().map(of).collect();
    set.into_iter().collect()
}

fn line<'a>(entry: &'a Entry, data: &mut Data<'a>) -> Line<'a> {
    let texts = &mut data.texts;
    let (builtin, ours) = texts.pair(&entry.builtin, &entry.ours);
    let probe = |probed: &'a Probed| {
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
        place(&data.cases, entry.case.as_str()),
        texts.whole(&entry.line),
        place(&data.routes, route(entry)),
        trend::number(entry.verdict),
        builtin,
        ours,
        texts.whole(&entry.note),
        &entry.masks,
        probes,
        entry.succeeds(),
        entry.part.map_or_else(String::new, |part| part.to_string()),
        &entry.notes,
    )
}

fn place<T: PartialEq + ?Sized>(list: &[&T], one: &T) -> usize {
    list.iter().position(|w| *w == one).unwrap_or_default()
}
