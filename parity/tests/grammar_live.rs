// SPDX-License-Identifier: GPL-2.0-or-later
//! How lines are read: the real built-in monitor against ours, on the QEMUs at hand.

use std::io::Write;
use std::path::Path;

use parity::case;
use parity::judge::KnownList;
use parity::live::fuzz;
use parity::live::programs::{self, Program};
use parity::live::run::{self, Mode};
use parity::report::{Report, term};

/// The QEMUs at hand; where there is none it says so.
fn at_hand() -> Vec<Program> {
    let found = programs::available();
    if found.is_empty() {
        let variable = programs::VARIABLE;
        // Not by a macro: what those print is shown only for tests that fail.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: no QEMU; {variable} can name some"
        );
    }
    found
}

#[tokio::test]
async fn lines_are_read_as_the_built_in_reads_them() {
    let programs = at_hand();
    if programs.is_empty() {
        return;
    }
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let case = case::load(&cases.join("grammar.toml")).unwrap().remove(0);
    let mut known = KnownList::load(&cases.with_file_name("known.toml")).unwrap();
    let mut entries = Vec::new();
    for program in programs.iter().filter(|p| case.suits(&p.qemu)) {
        let mode = Mode {
            native_only: true,
            ..Mode::default()
        };
        entries.extend(run::case(&case, program, &mode, &mut known).await);
    }
    let report = Report::of(entries);
    assert!(report.is_clean(), "{}", term::render(&report, false));
}

#[tokio::test]
async fn random_lines_are_read_as_the_built_in_reads_them() {
    for program in at_hand() {
        if program.qemu.arch() != "x86_64" {
            continue;
        }
        let found = fuzz::on(&program, 20, 2500).await.unwrap();
        assert!(found.differences.is_empty(), "{}", found.render());
        let untried: Vec<_> = found.few().filter(|(_, lines)| *lines == 0).collect();
        assert!(untried.is_empty(), "{untried:?}");
    }
}
