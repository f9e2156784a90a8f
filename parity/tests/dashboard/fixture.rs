// SPDX-License-Identifier: GPL-2.0-or-later
//! Reports that have something of everything.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use hmp_engine::qemu::caps::Caps;
use parity::case::Qemu;
use parity::judge::compare::Part;
use parity::judge::{Completed, Entry, Kind, Probed, Tab, Verdict, sample};
use parity::report::{Report, history, html};
use parity::tables::forecast::forecast;
use parity::tables::offered::Offers;
use parity::tables::{gaps, stuck};
use tempfile::TempDir;

pub const OLD: &str = "7.2-x86_64";
pub const NEW: &str = "10.0-x86_64";
/// A QEMU without lines whose schema is at hand.
pub const SCHEMA: &str = "9.1-x86_64";
pub const ARM: &str = "10.0-aarch64";

/// Text that would break out of a careless page.
pub const EVIL: &str = "</script><script>document.title='evil'</script><img src=x onerror=\"document.title='evil'\">\
    {{script}}{{data}}<!--<script>\u{2028}\u{2029}\0\u{7f}\u{200b}'\"\\\n";

pub fn entry(qemu: &str, line: &str, command: &str, verdict: Verdict) -> Entry {
    Entry {
        machine: if qemu == ARM { "virt" } else { "q35" }.into(),
        ..sample::entry(qemu, line, command, verdict)
    }
}

pub fn report(entries: Vec<Entry>) -> Report {
    let gaps = gaps::gaps(&offers(), &stuck::of_entries(&entries));
    Report {
        completions: completions(),
        coverage: Some(forecast(&offers(), &[])),
        gaps,
        date: "2026-11-28".into(),
        revision: "0123abc".into(),
        builds: BTreeMap::from([(
            sample::qemu(NEW),
            BTreeSet::from(["10.0.2 (Debian)".into()]),
        )]),
        stale: vec!["info stale.*".into()],
        ..Report::of(entries)
    }
}

/// Some commands on three QEMUs.
pub fn small() -> Report {
    let mut entries = Vec::new();
    for qemu in [NEW, OLD, ARM] {
        entries.push(entry(
            qemu,
            "info status",
            "info status",
            Verdict::Identical,
        ));
        entries.push(entry(qemu, "info mtree", "info mtree", Verdict::Blocked));
        entries.push(entry(qemu, "savevm x", "savevm", Verdict::Pending));
        entries.push(entry(qemu, "info block", "info block", Verdict::Identical));
    }
    let mut different = entry(NEW, "info block -v", "info block", Verdict::Different);
    different.builtin = "first\nsecond\nd0:  on\tx \nlast\n".into();
    different.ours = "first\nsecond\nd0: on\tx\r\nlast".into();
    entries.push(different);
    let mut effect = entry(NEW, "eject cd0", "eject", Verdict::Different);
    effect.note = "the effects differ".into();
    effect.probes.push(Probed {
        probe: "Qmp(\"query-block\")".into(),
        alike: false,
        changed: true,
        builtin: "[\n  1\n]".into(),
        ours: "[\n  2\n]".into(),
    });
    entries.push(effect);
    let mut masked = entry(OLD, "info cpus", "info cpus", Verdict::Masked);
    masked.builtin = "* CPU #0: thread_id=1234\n".into();
    masked.ours = "* CPU #0: thread_id=9999\n".into();
    masked.masks.push("thread-id".into());
    entries.push(masked);
    entries.push(entry(NEW, "info mem", "info mem", Verdict::Refused));
    let mut part = entry(NEW, "info qtree", "info qtree", Verdict::Partial);
    part.part = Some(Part { shown: 12, of: 500 });
    entries.push(part);
    let mut error = entry(OLD, "nmi", "nmi", Verdict::Identical);
    error.kind = Some(Kind::Error);
    entries.push(error);
    let mut evil = entry(NEW, EVIL, EVIL, Verdict::NotRun);
    evil.note = EVIL.into();
    evil.builtin = EVIL.into();
    evil.ours = EVIL.replace('n', "m");
    entries.push(evil);
    entries.push(entry(NEW, "", "", Verdict::Identical));
    report(entries)
}

/// What the small report was before.
pub fn earlier() -> Report {
    let mut report = small();
    report.entries[0].verdict = Verdict::Pending;
    report.entries.retain(|e| e.command != "info cpus");
    report
        .entries
        .push(entry(OLD, "stop", "stop", Verdict::Identical));
    for entry in &mut report.entries {
        if entry.line == "info block -v" {
            entry.verdict = Verdict::Identical;
        }
    }
    report
}

/// Many commands on many QEMUs.
pub fn large(commands: usize, qemus: usize) -> Report {
    let mut entries = Vec::new();
    for qemu in 0..qemus {
        for command in 0..commands {
            let verdict = Verdict::ALL[(qemu * 7 + command) % Verdict::ALL.len()];
            let name = format!("command-{command:04}");
            let label = format!("{qemu}.0-x86_64");
            let mut entry = entry(&label, &format!("{name} x"), &name, verdict);
            entry.builtin = format!("{command}: an answer of some length\n").repeat(10);
            entries.push(entry);
        }
    }
    report(entries)
}

/// A page on disk.
pub struct Page {
    _dir: TempDir,
    pub path: PathBuf,
}

/// The run of a report, and one before it in which nothing was right.
pub fn history(report: &Report) -> Vec<history::Run> {
    let now = history::Run::of(report);
    let mut before = now.clone();
    before.date = "2026-10-01".into();
    for score in before.qemus.values_mut() {
        score.right = 0;
    }
    vec![before, now]
}

pub fn write(report: &Report, before: Option<&Report>) -> Page {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("page.html");
    std::fs::write(
        &path,
        html::render(report, before, &history(report)).unwrap(),
    )
    .unwrap();
    Page { _dir: dir, path }
}

/// One prefix that is alike, and one where ours lists more.
fn completions() -> Vec<Completed> {
    let tab = |words: &[&str]| {
        vec![Tab {
            line: "info st".into(),
            list: words.iter().map(|&word| word.to_owned()).collect(),
        }]
    };
    let completed = |prefix: &str, verdict, ours: &[&str]| Completed {
        verdict,
        builtin: tab(&["stats"]),
        ours: tab(ours),
        ..Completed::not_run(&sample::qemu(NEW), prefix, "")
    };
    vec![
        completed("info b", Verdict::Identical, &["stats"]),
        completed("info st", Verdict::Different, &["stats", "statutes"]),
    ]
}

/// Two QEMUs, one of which lacks what a command needs.
/// What frees some commands, where it is allowed.
const DUMPS: &[&str] = &[
    "getfd",
    "dump-guest-memory",
    "closefd",
    "add-fd",
    "pmemsave",
    "remove-fd",
];

fn offers() -> Offers {
    let qemu = |label: &str, commands: &[&str]| {
        let qemu: Qemu = sample::qemu(label);
        let commands = commands.iter().copied();
        let caps = Caps::from_parts(qemu.version(), Some(qemu.arch()), commands);
        (qemu, caps)
    };
    Offers::from([
        qemu("6.2-x86_64", &[]),
        qemu(SCHEMA, &["query-status"]),
        qemu(NEW, &[&["query-status", "qom-list"], DUMPS].concat()),
    ])
}
