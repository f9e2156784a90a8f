// SPDX-License-Identifier: GPL-2.0-or-later
//! Tries the faults, several at once.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::copy;
use super::fault::{self, Fault};
use super::table::{self, Row};
use crate::error::Error;
use crate::generate;
use crate::mutants::build;
use crate::mutants::checks::{self, Check, Kind};

/// What is tried, and how.
pub struct Options {
    /// The copy of the project, and what is built of it.
    pub folder: PathBuf,
    /// Real QEMUs too.
    pub live: bool,
    /// The faults to try, by id; all where it is empty.
    pub only: Vec<String>,
    /// How many are tried at once.
    pub jobs: usize,
}

/// Tries the faults and shows what notices them; where all are tried, the table in the
/// documentation is written anew. Says whether enough of them were noticed.
pub fn run(options: &Options) -> Result<bool, Error> {
    let root = generate::root()?;
    let faults = fault::load(root)?;
    let tree = copy::make(root, &options.folder)?;
    let built = build::all(&tree, &faults)?;
    if !built.broken.is_empty() {
        let broken = built.broken.iter();
        let texts: Vec<_> = broken
            .map(|(n, text)| format!("{} does not build: {text}", faults[*n].id))
            .collect();
        return Err(texts.join("\n").into());
    }
    let mut checks = checks::offline(&tree)?;
    if options.live {
        checks.extend(checks::live(&tree)?);
    }
    println!("{} faults, {} checks", faults.len(), checks.len());
    let checks = checks::learn(checks, options.jobs)?;

    let wanted = |fault: &Fault| options.only.is_empty() || options.only.contains(&fault.id);
    let tried: Vec<usize> = (0..faults.len()).filter(|n| wanted(&faults[*n])).collect();
    let next = AtomicUsize::new(0);
    let rows = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..options.jobs {
            scope.spawn(|| {
                while let Some(&number) = tried.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let row = attempt(&checks, number, options.live);
                    println!("{}: {}", faults[number].id, row.line());
                    let mut rows = rows.lock().unwrap_or_else(PoisonError::into_inner);
                    rows.insert(number, row);
                }
            });
        }
    });
    let rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
    let text = table::render(&faults, &rows);
    print!("{text}");
    if options.only.is_empty() {
        let page = root.join(table::PAGE);
        let old = fs::read_to_string(&page)?;
        let new = generate::within(&old, "planted", &text).ok_or("the page has no marks")?;
        fs::write(page, new)?;
    }
    Ok(table::is_enough(&rows))
}

/// Runs each kind of checks on a fault, as far as they pass by it.
fn attempt(checks: &[Check], number: usize, live: bool) -> Row {
    let of = |kind| checks::attempt(checks.iter().filter(|c| c.kind == kind), number);
    Row {
        recorded: of(Kind::Recorded),
        unit: of(Kind::Unit),
        live: live.then(|| of(Kind::Live)),
    }
}
