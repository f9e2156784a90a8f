// SPDX-License-Identifier: GPL-2.0-or-later
//! What the checks ask of the referee: whether our answers are as good as those of the engine
//! without a change, on recordings and on a real QEMU.

use std::fs;
use std::path::Path;

use parity::case::{self, Prefixes};
use parity::judge::baseline::Baseline;
use parity::judge::{Completed, Entry, KnownList};
use parity::live::complete::{self, Random};
use parity::live::programs::Program;
use parity::live::run::{self, Mode};
use parity::live::side::{Ours, Theirs};
use parity::recorded;
use tokio::runtime::{Builder, Runtime};

use crate::error::Error;

/// Where a changed engine writes the numbers of the changes that it passes by.
pub const REACHED: &str = "HMP_MUTANTS_REACHED";

/// Whether our answers of a recorded topic are as good as those of the engine without a change.
pub fn topic(file: &Path) -> Result<bool, Error> {
    let mut known = known()?;
    if file.extension().is_some_and(|e| e == "tab") {
        let list = prefixes()?;
        let completed = recorded::complete::offline(file, &list, &mut known);
        return as_good(
            &[],
            &runtime()?.block_on(completed)?,
            &file.with_extension("before"),
        );
    }
    let entries = recorded::run::run(&[file.to_owned()], &Ours::Engine, &mut known)?;
    as_good(&entries, &[], &file.with_extension("before"))
}

/// Whether our answers of a case on a real QEMU are.
pub fn case(name: &str, qemu: &Path) -> Result<bool, Error> {
    let program = program(qemu)?;
    let folder = Path::new("parity/cases");
    let cases = case::load(folder)?
        .into_iter()
        .filter(|case| case.name == name);
    let cases: Vec<_> = cases.map(|case| (case, program.clone())).collect();
    let mode = Mode {
        native_only: true,
        ours: Ours::Engine,
        theirs: Theirs::Socket,
        ..Mode::default()
    };
    let entries = runtime()?.block_on(run::cases(cases, &mode, 1, &mut known()?));
    as_good(
        &entries,
        &[],
        &folder.join(format!("{name}-{}.before", program.qemu)),
    )
}

/// Whether TAB does the same on a real QEMU.
pub fn tabs(qemu: &Path) -> Result<bool, Error> {
    let (program, list) = (program(qemu)?, prefixes()?);
    let all: Vec<_> = list.all().cloned().collect();
    let mut known = known()?;
    let random = Random {
        seed: 1,
        count: 100,
    };
    let completed = complete::live(&list, &all, random, &program, true, &mut known);
    let before = format!("parity/completions-{}.before", program.qemu);
    as_good(&[], &runtime()?.block_on(completed), Path::new(&before))
}

/// The state before is written to `before` where the checks are learned, so that each is compared
/// with itself.
fn as_good(entries: &[Entry], completed: &[Completed], before: &Path) -> Result<bool, Error> {
    let now = Baseline::of(entries, completed);
    if std::env::var_os(REACHED).is_some() {
        fs::write(before, now.to_text())?;
    }
    let before = Baseline::parse(&fs::read_to_string(before)?)?;
    let is_empty = entries.is_empty() && completed.is_empty();
    let is_clean = entries.iter().all(Entry::is_clean) && completed.iter().all(Completed::is_clean);
    Ok(!is_empty && is_clean && now.since(&before).is_empty())
}

fn known() -> Result<KnownList, Error> {
    Ok(KnownList::load(Path::new("parity/known.toml"))?)
}

fn prefixes() -> Result<Prefixes, Error> {
    Ok(Prefixes::load(Path::new("parity/completions.toml"))?)
}

fn program(qemu: &Path) -> Result<Program, Error> {
    let program = Program::new(qemu);
    Ok(program.ok_or_else(|| format!("{}: not a QEMU", qemu.display()))?)
}

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}
