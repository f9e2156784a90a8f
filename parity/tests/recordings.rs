// SPDX-License-Identifier: GPL-2.0-or-later
//! All recordings, without any QEMU: the built-in's recorded text against our engine on the mock.

use std::path::Path;

use mock_qmp::Recording;
use parity::case::{Prefixes, recordings};
use parity::judge::baseline::Baseline;
use parity::judge::{KnownList, Verdict};
use parity::live::side::Ours;
use parity::recorded::{complete, run};
use parity::report::{Report, completion, term};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[tokio::test]
async fn every_recorded_line_is_answered_as_the_built_in_answered_it() {
    let mut known = KnownList::load(&root().join("parity/known.toml")).unwrap();
    let topics = recordings::topics(&root().join("recordings")).unwrap();
    let entries = run::run(&topics, &Ours::Engine, &mut known).unwrap();
    let list = Prefixes::load(&root().join("parity/completions.toml")).unwrap();
    let mut completions = Vec::new();
    for file in recordings::completions(&root().join("recordings")).unwrap() {
        completions.extend(complete::offline(&file, &list, &mut known).await.unwrap());
    }
    assert!(completions.len() > 200, "{} completions", completions.len());
    let report = Report {
        completions,
        ..Report::of(entries)
    };
    let text = term::render(&report, false);
    assert!(report.is_clean(), "{text}");
    // Their answers are QEMU's help sentences, which are not ours to store.
    let helps = report
        .entries
        .iter()
        .filter(|e| e.command == "help" || e.command == "info");
    let helps: Vec<_> = helps
        .filter(|e| e.builtin.contains(" -- "))
        .map(|e| &e.line)
        .collect();
    assert!(helps.is_empty(), "help sentences are recorded: {helps:?}");

    let baseline = std::fs::read_to_string(root().join("parity/baseline.tsv")).unwrap();
    let baseline = Baseline::parse(&baseline).unwrap();
    let changes = Baseline::of(&report.entries, &report.completions).since(&baseline);
    assert!(changes.is_empty(), "{changes}");

    let ours = report.entries.iter().filter(|e| e.verdict.passes()).count();
    assert!(
        ours * 2 > report.entries.len(),
        "most lines are ours to answer: {text}"
    );
    println!("{text}");
}

/// A word that the built-in lists and ours does not must not pass.
#[tokio::test]
async fn one_missing_candidate_is_found() {
    let from = root().join("recordings/10.0-x86_64-q35+completion");
    let folder = tempfile::tempdir().unwrap();
    for name in ["completion.qmp", "machine.toml"] {
        std::fs::copy(from.join(name), folder.path().join(name)).unwrap();
    }
    let line = r#"{"prefix":"info b","tabs":[{"line":"info b","list":["balloon","block","block-jobs","blockstats","bogus"]},{"line":"info b"}]}"#;
    let file = folder.path().join("completion.tab");
    std::fs::write(&file, line).unwrap();
    let list = Prefixes::load(&root().join("parity/completions.toml")).unwrap();
    let found = complete::offline(&file, &list, &mut KnownList::default())
        .await
        .unwrap();
    assert_eq!(found[0].verdict, Verdict::Different);
    assert!(completion::render(&found).contains("-bogus"));
}

/// The referee itself: an answer with one character changed must not pass.
#[tokio::test]
async fn one_changed_character_is_found() {
    let path = root().join("recordings/10.0-x86_64-q35/main.qmp");
    let recording = Recording::load(&path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("main.qmp");
    std::fs::copy(&path, &copy).unwrap();
    let lines: String = recording
        .builtin()
        .iter()
        .filter(|l| l.line == "info status")
        .map(|l| {
            let mut line = l.clone();
            line.answer = line.answer.replace("paused", "Paused");
            line.to_text()
        })
        .collect();
    assert!(lines.contains("Paused"));
    std::fs::write(
        copy.with_extension("hmp"),
        format!("{{\"format\":1,\"topic\":\"main\"}}\n{lines}"),
    )
    .unwrap();
    let entries = run::run(&[copy], &Ours::Engine, &mut KnownList::default()).unwrap();
    assert_eq!(entries[0].verdict, Verdict::Different);
    // What is shown begins with the line that differs.
    let text = term::render(&Report::of(entries), false);
    let rows: Vec<&str> = text.lines().collect();
    assert!(
        rows[1].starts_with("    expected  ") && rows[1].contains("Paused"),
        "{text}"
    );
    assert!(
        rows[2].starts_with("    got       ") && rows[2].contains("paused"),
        "{text}"
    );
}
