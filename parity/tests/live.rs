//! The real built-in monitor against ours, on the QEMUs at hand.

use std::path::Path;

use parity::case;
use parity::judge::known::KnownList;
use parity::live::qemu;
use parity::live::run::{self, Mode};
use parity::report::{FORMAT, Report, term};

#[tokio::test]
async fn lines_are_read_as_the_built_in_reads_them() {
    let qemus = qemu::available();
    if qemus.is_empty() {
        println!("skipped: no QEMU; {} can name some", qemu::VARIABLE);
        return;
    }
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let case = case::load(&cases.join("grammar.toml")).unwrap().remove(0);
    let mut known = KnownList::load(&cases.with_file_name("known.toml")).unwrap();
    let mut entries = Vec::new();
    for qemu in qemus.iter().filter(|q| case.suits(q)) {
        let mode = Mode {
            native_only: true,
            ..Mode::default()
        };
        entries.extend(run::case(&case, qemu, &mode, &mut known).await);
    }
    let report = Report {
        format: FORMAT,
        native_only: true,
        entries,
        sides: parity::report::Sides::default(),
        completions: Vec::new(),
        coverage: None,
        stale: Vec::new(),
    };
    assert!(report.clean(), "{}", term::render(&report, false));
}

#[tokio::test]
async fn random_lines_are_read_as_the_built_in_reads_them() {
    let qemus = qemu::available();
    if qemus.is_empty() {
        println!("skipped: no QEMU; {} can name some", qemu::VARIABLE);
        return;
    }
    for qemu in qemus.iter().filter(|q| q.arch == "x86_64") {
        let found = parity::live::fuzz::on(qemu, 20, 2500).await.unwrap();
        assert!(found.differences.is_empty(), "{}", found.render());
        let untried: Vec<_> = found.few().filter(|(_, lines)| *lines == 0).collect();
        assert!(untried.is_empty(), "{untried:?}");
    }
}
