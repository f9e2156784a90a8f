// SPDX-License-Identifier: GPL-2.0-or-later
//! Tries all checks on each change, several changes at once, and counts what survives.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::build;
use super::checks::{self, Outcome};
use super::instrument::Mutant;
use crate::error::Error;

/// Reads the list of changes, tries them (with `missed`, a file of outcomes, only those that it
/// calls missed) and writes the outcomes to `out`, one change a line.
pub fn run(
    tree: &Path,
    list: &Path,
    out: &Path,
    missed: Option<&Path>,
    jobs: usize,
) -> Result<(), Error> {
    let mutants: Vec<Mutant> = serde_json::from_str(&fs::read_to_string(list)?)?;
    let wanted = match missed {
        Some(file) => missed_in(&fs::read_to_string(file)?),
        None => mutants.iter().map(|m| m.name.clone()).collect(),
    };
    try_all(tree, &mutants, &wanted, out, jobs)
}

/// The changes that a file of outcomes calls missed or unreached.
fn missed_in(outcomes: &str) -> Vec<String> {
    let lines = outcomes.lines().filter_map(|line| {
        let mut columns = line.split('\t');
        let missed = matches!(columns.next()?, "missed" | "unreached");
        columns.nth(1).filter(|_| missed)
    });
    lines.map(str::to_owned).collect()
}

fn try_all(
    tree: &Path,
    mutants: &[Mutant],
    wanted: &[String],
    out: &Path,
    jobs: usize,
) -> Result<(), Error> {
    let built = build::all(tree, mutants)?.numbers;
    println!(
        "{} changes, {} of them in one program",
        mutants.len(),
        built.len()
    );
    let checks = checks::learn(checks::offline(tree)?, jobs)?;
    println!("{} checks", checks.len());

    let tried: Vec<usize> = built
        .into_iter()
        .filter(|n| wanted.contains(&mutants[*n].name))
        .collect();
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(number) = tried.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = checks::attempt(checks.iter(), *number);
                    let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
                    outcomes.insert(*number, outcome);
                    if outcomes.len() % 50 == 0 {
                        println!("{} of {} tried", outcomes.len(), tried.len());
                    }
                }
            });
        }
    });
    let outcomes = outcomes
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    fs::write(out, table(mutants, &outcomes))?;
    print!("{}", summary(mutants, &outcomes));
    Ok(())
}

fn table(mutants: &[Mutant], outcomes: &BTreeMap<usize, Outcome>) -> String {
    let mut text = String::new();
    for (number, outcome) in outcomes {
        let name = &mutants[*number].name;
        let _ = writeln!(text, "{}\t{}\t{name}", outcome.word(), outcome.check());
    }
    text
}

/// How many were caught, by file and in all.
fn summary(mutants: &[Mutant], outcomes: &BTreeMap<usize, Outcome>) -> String {
    let mut files: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (number, outcome) in outcomes {
        let survived = usize::from(outcome.survived());
        for name in [mutants[*number].file.as_str(), "in all"] {
            let (tried, left) = files.entry(name).or_default();
            (*tried, *left) = (*tried + 1, *left + survived);
        }
    }
    let mut text = String::new();
    for (name, (tried, left)) in files {
        let _ = writeln!(text, "{left:5} of {tried:5} survive  {name}");
    }
    text
}
